package network

import (
	"net"
	"sync"
	"testing"
)

// wires accepts connections and joins each to one of its own to a server.
type wires struct {
	// Address is where to dial: host:port.
	Address string

	upstream string
	listener net.Listener
	join     func(client, server net.Conn) // until either side closes
	done     sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]struct{} // nil when closed
}

// start opens the way to the server at address, and closes it with the test.
func (w *wires) start(tb testing.TB, address string, join func(client, server net.Conn)) {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	w.Address, w.upstream, w.listener, w.join = listener.Addr().String(), address, listener, join
	w.open = map[net.Conn]struct{}{}
	w.done.Go(w.accept)
	tb.Cleanup(w.Close)
}

// Close closes the way and all connections on it.
func (w *wires) Close() {
	_ = w.listener.Close()
	w.mu.Lock()
	for conn := range w.open {
		_ = conn.Close()
	}
	w.open = nil
	w.mu.Unlock()
	w.done.Wait()
}

func (w *wires) accept() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.done.Go(func() {
			defer client.Close()
			server, err := net.Dial("tcp", w.upstream)
			if err != nil {
				return
			}
			defer server.Close()
			if w.add(client, server) {
				w.join(client, server)
				w.remove(client, server)
			}
		})
	}
}

func (w *wires) add(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open == nil {
		return false
	}
	for _, conn := range conns {
		w.open[conn] = struct{}{}
	}
	return true
}

func (w *wires) remove(conns ...net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, conn := range conns {
		delete(w.open, conn)
	}
}

// both runs the two directions of a connection; when one ends, so does the other.
func both(client, server net.Conn, up, down func()) {
	var done sync.WaitGroup
	for _, direction := range []func(){up, down} {
		done.Go(func() {
			direction()
			_ = client.Close()
			_ = server.Close()
		})
	}
	done.Wait()
}
