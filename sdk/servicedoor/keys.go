package servicedoor

import (
	"errors"
	"fmt"
	"unicode/utf8"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// onWire is what the service knows key by.
func (c *Client) onWire(key string) string {
	if c.hash == nil {
		return key
	}
	return c.hash.Key("", key)
}

// validate refuses what the service would refuse, or could not even be told: proto3
// strings are UTF-8. A hash is.
func (c *Client) validate(op, policy string, cost int64, keys ...string) error {
	if err := throttlekit.ValidateCost(op, cost); err != nil {
		return err
	}
	if err := throttlekit.ValidateKeys(op, keys...); err != nil {
		return err
	}
	if !utf8.ValidString(policy) {
		return invalid(op, errors.New("the policy name is not valid UTF-8"))
	}
	if c.hash != nil {
		return nil
	}
	for i, key := range keys {
		if !utf8.ValidString(key) {
			return invalid(op, fmt.Errorf("keys[%d] is not valid UTF-8, as the service's wire needs; with WithKeyHash it need not be", i))
		}
	}
	return nil
}

func invalid(op string, err error) error {
	return &throttlekit.Error{Op: op, Kind: throttlekit.ErrInvalidArgument, Err: err}
}
