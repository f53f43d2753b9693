package redisdoor

import (
	"errors"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// quoting is how a Redis goes on that does not know a command, before it repeats the
// command's arguments: as where EVALSHA is renamed, or a proxy in front has none. They
// hold the limited key, or, of AUTH, the password.
const quoting = "with args beginning with"

// untold returns err without arguments that its server repeats.
func untold(err error) error {
	var said redis.Error
	if !errors.As(err, &said) {
		return err
	}
	told, _, repeats := strings.Cut(string(said), quoting)
	if !repeats {
		return err
	}
	return redis.Error(strings.TrimRight(told, ", "))
}
