package server_test

import (
	"bytes"
	"io"
	"net"
	"strings"
	"time"

	"github.com/throttlekit/throttlekit-go/sdk/server"
)

const (
	head1   = "POST " + checkPath + " HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
	asking1 = `{"policy":"api"}`
)

var attacksOnHTTP1 = []attack{
	{"bytes that are no HTTP", "parser", func(b *besieged) string {
		return b.dial().send("\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n").status()
	}},
	{"a header twice as long as the most", "memory", func(b *besieged) string {
		return b.dial().send(head1, "Long: ", strings.Repeat("h", 2*server.MaxHeaderBytes), "\r\n\r\n").status()
	}},
	{"10,000 headers", "memory, and time to hash them", func(b *besieged) string {
		return b.dial().send(head1, strings.Repeat("A: b\r\n", 10_000), "\r\n").status()
	}},
	{"a header that never ends, 64 MiB of it", "memory", func(b *besieged) string {
		w := b.dial().send(head1, "Long: ")
		for range 64 {
			w.send(strings.Repeat("h", 1<<20))
		}
		if got := w.status(); got != "hung up" { // as the answer may be lost to who goes on sending
			return got
		}
		return "431"
	}},
	{"a request line of 64 KiB", "memory", func(b *besieged) string {
		return b.dial().send("POST /", strings.Repeat("x", 64<<10), " HTTP/1.1\r\nHost: here\r\n\r\n").status()
	}},
	{"a header without a colon", "parser", func(b *besieged) string {
		return b.dial().send(head1, "Nonsense\r\n\r\n").status()
	}},
	{"a header folded over two lines", "request smuggling", func(b *besieged) string {
		return b.dial().send(head1, "A: b\r\n Content-Length: 5\r\nContent-Length: 16\r\n\r\n", asking1).status()
	}},
	{"two lengths that differ", "request smuggling", func(b *besieged) string {
		return b.dial().send(head1, "Content-Length: 16\r\nContent-Length: 17\r\n\r\n", asking1).status()
	}},
	{"a length below 0", "parser", func(b *besieged) string {
		return b.dial().send(head1, "Content-Length: -1\r\n\r\n").status()
	}},
	{"an unknown transfer encoding", "request smuggling", func(b *besieged) string {
		return b.dial().send(head1, "Transfer-Encoding: xchunked\r\n\r\n", asking1).status()
	}},
	{"a chunk whose size is no number", "parser", func(b *besieged) string {
		return b.dial().send(head1, "Transfer-Encoding: chunked\r\n\r\nz\r\n\r\n").status()
	}},
	{"no host", "routing", func(b *besieged) string {
		return b.dial().send("POST ", checkPath, " HTTP/1.1\r\n\r\n").status()
	}},
	{"an unknown version of HTTP", "parser", func(b *besieged) string {
		return b.dial().send("POST ", checkPath, " HTTP/9.9\r\nHost: here\r\n\r\n").status()
	}},
	{"another method", "routing", func(b *besieged) string {
		return b.ask(asking{http1: true, method: "DELETE", contentType: jsonType})
	}},
	{"a path that climbs", "routing", func(b *besieged) string {
		return b.dial().send("POST /throttlekit.v1.RateLimiter/../../etc/passwd HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\n\r\n").status()
	}},
}

// attacksByWaiting are tried on a server with very little patience.
var attacksByWaiting = []attack{
	{"nothing, on 300 connections", "goroutines and file descriptors, for ever", func(b *besieged) string {
		wires := make([]*wire, 300)
		for i := range wires {
			wires[i] = b.dial()
		}
		for _, w := range wires {
			if got := w.status(); got != "hung up" {
				return got
			}
		}
		return "hung up, after the 10 s for headers"
	}},
	{"a header byte by byte", "a goroutine, for ever", func(b *besieged) string {
		w := b.dial()
		trickle(w, head1+"A: ", "b")
		return w.status() + ", after the 10 s for headers"
	}},
	{"a body byte by byte", "a goroutine, for ever", func(b *besieged) string {
		w := b.dial()
		trickle(w, head1+"Content-Length: 1000000\r\n\r\n", " ")
		return w.status() + ", after the 10 s for the body"
	}},
	{"1 GiB announced and nothing sent, 100 times", "memory", func(b *besieged) string {
		wires := make([]*wire, 100)
		for i := range wires {
			wires[i] = b.dial().send(head1, "Content-Length: 1073741824\r\n\r\n")
		}
		for _, w := range wires {
			if got := w.status(); got != "504" {
				return got
			}
		}
		return "504, after the 10 s for the body"
	}},
	{"nothing after a call", "a goroutine and a file descriptor, for ever", func(b *besieged) string {
		w := b.dial().send(head1, "Content-Length: 16\r\n\r\n", asking1)
		if got := w.status(); got != "200" {
			return got
		}
		if _, err := io.Copy(io.Discard, w.in); err != nil {
			return "nothing"
		}
		return "hung up, after the 3 min for the next call"
	}},
	{"HTTP/2's preface and nothing more", "a goroutine and a file descriptor, for ever", func(b *besieged) string {
		return b.dial().open("").verdict() + ", after the 3 min for the next call"
	}},
	{"half of the headers of a stream", "a goroutine and a file descriptor, for ever", func(b *besieged) string {
		return b.dial().open("").send(frame(frameHeaders, 0, 1, request(checkPath)[:20])).verdict() + ", after the 3 min for the next call"
	}},
	{"a stream whose body never comes, 256 times", "goroutines, for ever", func(b *besieged) string {
		w := b.dial().open("")
		for i := range uint32(server.MaxStreams) {
			w.send(frame(frameHeaders, endHeaders, 2*i+1, request(checkPath)))
		}
		for ended := 0; ended < server.MaxStreams; {
			switch got := w.verdict(); {
			case got == "200":
				ended++
			case got != "stream reset, NO_ERROR" && !strings.HasPrefix(got, "an answer that begins"): // as trailers do
				return got
			}
		}
		return "an error for each, after the 10 s for the body"
	}},
	{"256 streams, of whose answers no byte may be sent", "memory, for ever", func(b *besieged) string {
		w := b.dial().open("\x00\x04" + number(0)) // the initial window
		keys := strings.Repeat("\x12\x01k", 200)
		for i := range uint32(server.MaxStreams) {
			w.send(frame(frameHeaders, endHeaders, 2*i+1, request(checkManyPath)),
				frame(frameData, endStream, 2*i+1, enveloped(0, "\x0a\x03api"+keys)))
		}
		resets := 0
		for resets < server.MaxStreams {
			switch got := w.verdict(); got {
			case "200": // the headers, which no window bounds
			case "stream reset, INTERNAL_ERROR":
				resets++
			default:
				return got
			}
		}
		return "each stream reset, when the call has had its 30.5 s"
	}},
	{"calls, of whose answers none is read", "memory, for ever", func(b *besieged) string {
		w := b.dial()
		_ = w.conn.(*net.TCPConn).SetReadBuffer(1)
		call := head1 + "Content-Length: 31\r\n\r\n" + `{"policy":"api","key":"unread"}`
		sent := 0
		for ; sent < 200_000; sent++ { // more than the system keeps of the answers
			_ = w.conn.SetWriteDeadline(time.Now().Add(4 * patience))
			if _, err := w.conn.Write([]byte(call)); err != nil {
				break
			}
		}
		// Whatever the system still has of them, some have never been made.
		answers, _ := io.ReadAll(w.in)
		if bytes.Count(answers, []byte("HTTP/1.1 200")) < sent {
			return "hung up, when a call has had its 30.5 s"
		}
		return "served on"
	}},
}

// trickle sends the beginning, and then bytes one by one until the server has enough.
func trickle(w *wire, beginning, more string) {
	w.send(beginning)
	for end := time.Now().Add(enough); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if _, err := w.conn.Write([]byte(more)); err != nil {
			break
		}
		_ = w.conn.SetReadDeadline(time.Now())
		if _, err := w.in.Peek(1); err == nil || !isTimeout(err) {
			break
		}
	}
	_ = w.conn.SetReadDeadline(time.Now().Add(enough))
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}
