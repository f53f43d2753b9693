package network

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2"
)

// Frames is a way to an HTTP/2 server, in the clear, on which streams can be reset and
// connections be told to go away, as by a load balancer.
type Frames struct {
	wires
	resets atomic.Int64 // answers still to be replaced by a reset
	code   atomic.Uint32

	mu    sync.Mutex
	conns map[*conversation]struct{}
}

// StartFrames opens a way to the server at address, and closes it with the test.
func StartFrames(tb testing.TB, address string) *Frames {
	tb.Helper()
	f := &Frames{conns: map[*conversation]struct{}{}}
	f.start(tb, address, f.join)
	return f
}

// Reset has the next so many answers of the server end in a reset of their stream, with
// this code, before the client has read any of them.
func (f *Frames) Reset(answers int, code http2.ErrCode) {
	f.code.Store(uint32(code))
	f.resets.Store(int64(answers))
}

// Pending reports whether there are resets still to be made.
func (f *Frames) Pending() bool { return f.resets.Load() > 0 }

// GoAway tells the client of every connection to go away: what it has asked already is
// answered, and what it asks from now on never reaches the server.
func (f *Frames) GoAway() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		if err := c.goAway(); err != nil {
			return err
		}
	}
	return nil
}

func (f *Frames) join(client, server net.Conn) {
	c := &conversation{frames: f, client: http2.NewFramer(client, nil), server: http2.NewFramer(server, nil)}
	f.mu.Lock()
	f.conns[c] = struct{}{}
	f.mu.Unlock()
	both(client, server,
		func() { c.ask(client, server) },
		func() { c.answer(server) })
	f.mu.Lock()
	delete(f.conns, c)
	f.mu.Unlock()
}

// conversation is one connection.
type conversation struct {
	frames *Frames

	mu             sync.Mutex // of what follows, and of who writes
	client, server *http2.Framer
	last           uint32 // the highest stream that the client opened and the server saw
	leaving        bool
}

func (c *conversation) goAway() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leaving = true
	return c.client.WriteGoAway(c.last, http2.ErrCodeNo, nil)
}

// ask passes on what the client says.
func (c *conversation) ask(client io.Reader, server io.Writer) {
	if _, err := io.CopyN(server, client, int64(len(http2.ClientPreface))); err != nil {
		return
	}
	for {
		header, payload, err := readFrame(client)
		if err != nil || c.forward(header, payload) != nil {
			return
		}
	}
}

func (c *conversation) forward(h http2.FrameHeader, payload []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leaving && h.StreamID > c.last {
		return nil // it was told
	}
	c.last = max(c.last, h.StreamID)
	return c.server.WriteRawFrame(h.Type, h.Flags, h.StreamID, payload)
}

// answer passes on what the server says.
func (c *conversation) answer(server io.Reader) {
	for {
		header, payload, err := readFrame(server)
		if err != nil || c.back(header, payload) != nil {
			return
		}
	}
}

// back passes a frame of the server on. One that begins an answer may have a reset put
// before it; the answer follows all the same, since headers are compressed with what came
// before, and clients ignore it.
func (c *conversation) back(h http2.FrameHeader, payload []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.Type == http2.FrameHeaders && !h.Flags.Has(http2.FlagHeadersEndStream) && c.frames.resets.Load() > 0 && c.frames.resets.Add(-1) >= 0 {
		if err := c.client.WriteRSTStream(h.StreamID, http2.ErrCode(c.frames.code.Load())); err != nil {
			return err
		}
	}
	return c.client.WriteRawFrame(h.Type, h.Flags, h.StreamID, payload)
}

func readFrame(r io.Reader) (http2.FrameHeader, []byte, error) {
	header, err := http2.ReadFrameHeader(r)
	if err != nil {
		return header, nil, err
	}
	payload := make([]byte, header.Length)
	_, err = io.ReadFull(r, payload)
	return header, payload, err
}
