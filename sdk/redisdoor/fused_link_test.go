package redisdoor_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// link is a TCP connection's way to a Redis, in the hands of the test: it can hold
// replies back, cut what is connected, and take its time.
type link struct {
	listener net.Listener
	network  string
	address  string
	delay    time.Duration // of each direction

	accepted atomic.Int64
	held     chan struct{} // a token for each reply that came while it was to be held
	pass     chan struct{} // a token lets one held reply go
	later    chan piece    // in the order in which they are due

	mu     sync.Mutex
	holds  bool
	closed bool
	conns  map[net.Conn]struct{}
	all    sync.WaitGroup
}

// startLink returns a link to the Redis at address, which a redistest function gave.
func startLink(tb testing.TB, address string, delay time.Duration) *link {
	tb.Helper()
	target, err := url.Parse(address)
	if err != nil {
		tb.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	l := &link{listener: listener, network: "unix", address: target.Path, delay: delay,
		held: make(chan struct{}, 1000), pass: make(chan struct{}), later: make(chan piece, 1<<16), conns: map[net.Conn]struct{}{}}
	if target.Scheme != "unix" {
		l.network, l.address = "tcp", target.Host
	}
	delivered := make(chan struct{})
	go func() {
		defer close(delivered)
		l.deliver()
	}()
	l.all.Go(l.accept)
	tb.Cleanup(func() {
		_ = listener.Close()
		l.mu.Lock()
		l.closed = true
		l.mu.Unlock()
		l.cut()
		l.all.Wait()
		close(l.later)
		<-delivered
	})
	return l
}

func (l *link) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.accepted.Add(1)
		server, err := net.Dial(l.network, l.address)
		if err != nil {
			_ = client.Close()
			continue
		}
		broken := make(chan struct{})
		l.mu.Lock()
		l.conns[client], l.conns[server] = struct{}{}, struct{}{}
		closed := l.closed
		l.mu.Unlock()
		l.all.Go(func() {
			defer close(broken)
			l.carry(server, client, func() bool { return true })
			_, _ = client.Close(), server.Close()
		})
		l.all.Go(func() {
			l.carry(client, server, func() bool { return l.mayPass(broken) })
			_, _ = client.Close(), server.Close()
		})
		if closed {
			l.cut()
		}
	}
}

// mayPass waits while replies are held, and reports false when the connection ended
// meanwhile.
func (l *link) mayPass(broken <-chan struct{}) bool {
	l.mu.Lock()
	holds := l.holds
	l.mu.Unlock()
	if !holds {
		return true
	}
	l.held <- struct{}{}
	select {
	case <-l.pass:
		return true
	case <-broken:
		return false
	}
}

// carry hands on what src says, each piece so much later.
func (l *link) carry(dst io.Writer, src io.Reader, mayPass func() bool) {
	buffer := make([]byte, 1<<16)
	for {
		n, err := src.Read(buffer)
		if err != nil || !mayPass() {
			return
		}
		if l.delay > 0 {
			l.later <- piece{time.Now().Add(l.delay), dst, slices.Clone(buffer[:n])}
		} else if _, err := dst.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// piece is what is on its way over a slow link.
type piece struct {
	due  time.Time
	dst  io.Writer
	data []byte
}

// deliver hands on the pieces when they are due, all by one goroutine: a short nap keeps
// a processor.
func (l *link) deliver() {
	for p := range l.later {
		nap(time.Until(p.due))
		_, _ = p.dst.Write(p.data) // a broken one ends the reading, too
	}
}

// pool is one of connections over the link that wait for answers as long as it takes.
func (l *link) pool(tb testing.TB) *redis.Pool {
	pool := &redis.Pool{MaxIdle: 1000, DialContext: func(ctx context.Context) (redis.Conn, error) {
		return redis.DialContext(ctx, "tcp", l.listener.Addr().String())
	}}
	tb.Cleanup(func() { _ = pool.Close() })
	return pool
}

// awaitHeld waits until one more reply is held back.
func (l *link) awaitHeld(tb testing.TB) {
	tb.Helper()
	select {
	case <-l.held:
	case <-time.After(15 * time.Second):
		tb.Fatal("no reply came")
	}
}

// letPass lets one reply go that is held.
func (l *link) letPass(tb testing.TB) {
	tb.Helper()
	select {
	case l.pass <- struct{}{}:
	case <-time.After(15 * time.Second):
		tb.Fatal("no reply is held")
	}
}

// hold holds replies back from now on.
func (l *link) hold() { l.setHolds(true) }

// flow lets replies on new connections pass, and those that come later on old ones.
func (l *link) flow() { l.setHolds(false) }

func (l *link) setHolds(holds bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holds = holds
}

// cut breaks all connections.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.conns {
		_ = conn.Close()
	}
	clear(l.conns)
}
