package network

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Knife is a way to a server on which single connections can be cut in the middle of what
// the server says.
type Knife struct {
	// Address is where to dial: host:port.
	Address string

	upstream string
	listener net.Listener
	done     sync.WaitGroup
	next     atomic.Int64 // bytes after which to cut; below 0 for not at all

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil when closed
}

// StartKnife opens a way to the server at address, and closes it with the test.
func StartKnife(tb testing.TB, address string) *Knife {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	k := &Knife{Address: listener.Addr().String(), upstream: address, listener: listener, conns: map[net.Conn]struct{}{}}
	k.next.Store(-1)
	k.done.Go(k.accept)
	tb.Cleanup(k.Close)
	return k
}

// Cut has the next thing that the server says end after so many bytes, and at least one
// too early; both sides of that connection are closed, and no other.
func (k *Knife) Cut(after int) { k.next.Store(int64(after)) }

// Pending reports whether the last cut has still to be made.
func (k *Knife) Pending() bool { return k.next.Load() >= 0 }

// Close closes the way and all connections on it.
func (k *Knife) Close() {
	_ = k.listener.Close()
	k.mu.Lock()
	for conn := range k.conns {
		_ = conn.Close()
	}
	k.conns = nil
	k.mu.Unlock()
	k.done.Wait()
}

func (k *Knife) accept() {
	for {
		client, err := k.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", k.upstream)
		if err != nil {
			_ = client.Close()
			continue
		}
		if !k.add(client, server) {
			return
		}
		k.done.Go(func() {
			_, _ = io.Copy(server, client) // until either side closes
			k.drop(client, server)
		})
		k.done.Go(func() {
			k.replies(client, server)
			k.drop(client, server)
		})
	}
}

// replies passes on what the server says, up to a cut.
func (k *Knife) replies(client io.Writer, server io.Reader) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if n > 0 {
			after := k.next.Load()
			cut := after >= 0 && k.next.CompareAndSwap(after, -1)
			if cut {
				n = min(int(after), n-1)
			}
			if _, err := client.Write(buffer[:n]); err != nil || cut {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (k *Knife) add(conns ...net.Conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, conn := range conns {
		if k.conns == nil {
			_ = conn.Close()
			continue
		}
		k.conns[conn] = struct{}{}
	}
	return k.conns != nil
}

func (k *Knife) drop(conns ...net.Conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, conn := range conns {
		delete(k.conns, conn)
		_ = conn.Close()
	}
}
