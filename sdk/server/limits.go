package server

import (
	"fmt"
	"time"

	"connectrpc.com/connect"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// What the server takes from one caller. Everything here bounds memory or time that a
// caller could otherwise hold for nothing.
const (
	// maxRequestBytes is what gRPC servers accept by default, and so what clients of the
	// contract expect to get through.
	maxRequestBytes = 4 << 20

	// maxProbeBytes is the same for health checks and reflection, which anybody may ask:
	// their requests hold a name or two.
	maxProbeBytes = 16 << 10

	// maxKeys is how many keys one CheckMany may carry: far above the batches that one
	// request of an application needs. It costs Redis some hundred milliseconds, which
	// others share, since the door sends it in pieces.
	maxKeys = 10_000

	// maxKeyBytes is how long a key may be. User names, addresses and tokens are well
	// below; a longer key is a payload that got into the wrong field, and would be kept in
	// Redis for as long as its window lasts.
	maxKeyBytes = 4 << 10

	// maxPolicyBytes is how long a policy's name may be. Names stand in messages, logs and
	// metrics.
	maxPolicyBytes = 256

	// maxListBytes is where the list of policies in a message ends. Clients take 8 KiB of
	// trailers, percent-encoded.
	maxListBytes = 2 << 10

	// maxStreams is how many calls one HTTP/2 connection may have under way; a client
	// holds further ones back, or opens another connection. Each costs a goroutine and a
	// buffer, and 1000 of them on one connection were no faster than 256 on each of two.
	maxStreams = 256

	// maxHeaderBytes is the most that the headers of a request may take. Go would accept a
	// megabyte; the largest tokens and traces in use take a few kilobytes.
	maxHeaderBytes = 32 << 10

	// minCompressBytes keeps gzip away from single decisions, which it makes larger and
	// much slower. A long CheckMany gains from it.
	minCompressBytes = 1 << 10
)

// What the server waits for.
const (
	// defaultStoreTimeout is far more than what a check takes on a healthy Redis in
	// the same data centre, and short enough that an application can wait for it in front
	// of each of its own answers.
	defaultStoreTimeout = 500 * time.Millisecond

	// keyTimeout is added for each key of a CheckMany. Its slowest keys are those of a
	// strategy that counts in a thousand buckets, on the embedded Redis; they fit.
	keyTimeout = time.Millisecond

	// storeInterval is how often the store is asked whether it is there.
	storeInterval = time.Second

	// readHeaderTimeout ends connections that open and then dawdle, which would otherwise
	// cost a goroutine and a file descriptor each for as long as they like. Checks send
	// their headers in one packet.
	readHeaderTimeout = 10 * time.Second

	// readBodyTimeout is the same for the body of a call.
	readBodyTimeout = 10 * time.Second

	// writeTimeout is for an answer that its caller does not read, which would otherwise be
	// kept, up to some hundred kilobytes of it, for each stream of each connection.
	writeTimeout = 10 * time.Second

	// idleTimeout is longer than the 90 seconds after which Go clients, this SDK's
	// included, drop an unused connection: where the client closes, no check is lost by
	// crossing with the server's goodbye.
	idleTimeout = 3 * time.Minute
)

// validate refuses a question that the server does not put to a limiter.
func (q question) validate() error {
	if len(q.keys) > maxKeys {
		return invalid(fmt.Errorf("keys has %d elements, want at most %d; split the call", len(q.keys), maxKeys))
	}
	for i, key := range q.keys {
		if len(key) > maxKeyBytes {
			return invalid(fmt.Errorf("%s is %d bytes long, want at most %d", q.nameOf(i), len(key), maxKeyBytes))
		}
	}
	if err := throttlekit.ValidateCost(q.op, q.cost); err != nil {
		return invalid(err)
	}
	return nil
}

// nameOf is the field of the request that key i came in.
func (q question) nameOf(i int) string {
	if q.op == opCheckMany {
		return fmt.Sprintf("keys[%d]", i)
	}
	return "key"
}

func invalid(err error) error { return connect.NewError(connect.CodeInvalidArgument, err) }
