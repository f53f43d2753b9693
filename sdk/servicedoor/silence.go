package servicedoor

import (
	"crypto/tls"
	"net"
	"time"
)

// A connection can die without a word, as when a firewall forgets it. The operating system
// notices after a quarter of an hour, and until then HTTP/2 puts every call on it. So when
// a call was given up on a connection on which nothing has arrived since, the connection is
// listened to: net/http has sent a ping with the end of the call, which a server answers
// however long its handlers take. Without a sound it is closed, and the next call dials.

// silence is how long a doubted connection is listened to: longer than a ping takes around
// the world, and so short that it is over when a breaker that opened on it tries again.
const silence = 400 * time.Millisecond

// ride is a call on a connection.
type ride struct {
	wire  *wire
	began time.Time
}

// newRide returns nil for a connection that is none of ours.
func newRide(conn net.Conn) *ride {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	if w, ok := conn.(*wire); ok {
		return &ride{wire: w, began: time.Now()}
	}
	return nil
}

// doubt is for a call that was given up: its connection may be dead.
func (t *trip) doubt() {
	r := t.ride.Load()
	if r == nil || r.wire.heardSince(r.began) || !r.wire.doubted.CompareAndSwap(false, true) {
		return
	}
	time.AfterFunc(silence, func() {
		r.wire.doubted.Store(false)
		if !r.wire.heardSince(r.began) {
			_ = r.wire.Close()
		}
	})
}

func (w *wire) heardSince(then time.Time) bool { return w.heard.Load() > then.UnixNano() }

// Read implements [net.Conn].
func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if n > 0 {
		w.heard.Store(time.Now().UnixNano())
	}
	return n, err
}
