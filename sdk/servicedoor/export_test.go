package servicedoor

import (
	"context"
	"net"
	"net/http"
)

// The bounds of gathering, for tests that reach them.
const (
	GatherSeats   = gatherSeats
	GatherKeys    = gatherKeys
	GatherWaiting = gatherWaiting
	LongKey       = longKey
)

// KeepHere is what a dial in the clear does when there is a secret to show.
var KeepHere = keepHere

// DialerOf is how a client for address dials.
func DialerOf(address string, options ...Option) (func(context.Context, string, string) (net.Conn, error), error) {
	base, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	settings, err := newSettings(base, options)
	if err != nil {
		return nil, err
	}
	client, _ := settings.newHTTPClient(base)
	return client.(*http.Client).Transport.(*http.Transport).DialContext, nil
}
