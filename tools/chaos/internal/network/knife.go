package network

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
)

// Knife is a way to a server on which single connections can be cut in the middle of what
// the server says, or go silent for good.
type Knife struct {
	wires
	next   atomic.Int64 // bytes after which to cut; below 0 for not at all
	silent atomic.Int64 // connections up to this one are
	count  atomic.Int64 // of connections
}

// StartKnife opens a way to the server at address, and closes it with the test.
func StartKnife(tb testing.TB, address string) *Knife {
	tb.Helper()
	k := &Knife{}
	k.next.Store(-1)
	k.start(tb, address, k.join)
	return k
}

// Cut has the next thing that the server says end after so many bytes, and at least one
// too early; both sides of that connection are closed, and no other.
func (k *Knife) Cut(after int) { k.next.Store(int64(after)) }

// Pending reports whether the last cut has still to be made.
func (k *Knife) Pending() bool { return k.next.Load() >= 0 }

// Silence has every connection that there is now pass nothing on any more, and stay open,
// as when a firewall has forgotten it. New ones are well.
func (k *Knife) Silence() { k.silent.Store(k.count.Load()) }

func (k *Knife) join(client, server net.Conn) {
	number := k.count.Add(1)
	both(client, server,
		func() { k.pass(number, server, client, false) },
		func() { k.pass(number, client, server, true) })
}

// pass copies what one side says to the other. What the server says may be cut.
func (k *Knife) pass(number int64, to io.Writer, from io.Reader, mayCut bool) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && k.silent.Load() < number {
			after := k.next.Load()
			cut := mayCut && after >= 0 && k.next.CompareAndSwap(after, -1)
			if cut {
				n = min(int(after), n-1)
			}
			if _, err := to.Write(buffer[:n]); err != nil || cut {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
