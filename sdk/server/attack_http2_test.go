package server_test

import (
	"slices"
	"strings"
)

// ping asks whether the connection still serves.
var ping = frame(framePing, 0, 0, "are you?")

var attacksOnHTTP2 = []attack{
	{"a wrong preface", "parser", func(b *besieged) string {
		return b.dial().send("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n").verdict()
	}},
	{"a frame longer than allowed", "memory", func(b *besieged) string {
		return b.dial().open("").send(frame(frameData, 0, 1, strings.Repeat("x", 1<<21))).verdict()
	}},
	{"DATA for a stream that was never opened", "state", func(b *besieged) string {
		return b.dial().open("").send(frame(frameData, 0, 1, "x")).verdict()
	}},
	{"HEADERS with an even number", "state", func(b *besieged) string {
		return b.dial().open("").send(frame(frameHeaders, endHeaders|endStream, 2, request(checkPath))).verdict()
	}},
	{"HEADERS that are no HPACK", "parser", func(b *besieged) string {
		return b.dial().open("").send(frame(frameHeaders, endHeaders|endStream, 1, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")).verdict()
	}},
	{"CONTINUATION that continues nothing", "state", func(b *besieged) string {
		return b.dial().open("").send(frame(frameContinuation, endHeaders, 1, "x")).verdict()
	}},
	{"CONTINUATION without end, 64 MiB of it (CVE-2023-45288)", "time and memory", func(b *besieged) string {
		w := b.dial().open("").send(frame(frameHeaders, 0, 1, request(checkPath)))
		verdict := w.listen()
		more := strings.Repeat(frame(frameContinuation, 0, 1, strings.Repeat(field("x-long", strings.Repeat("h", 1000)), 16)), 64)
		for range 64 {
			w.send(more)
		}
		return verdict()
	}},
	{"headers that HPACK unfolds to 16 MiB", "memory", func(b *besieged) string {
		// One long field to remember, and then its number, again and again.
		remember := "\x40" + sized("x-long") + sized(strings.Repeat("h", 4000))
		return b.dial().open("").send(frame(frameHeaders, endHeaders|endStream, 1, request(checkPath)+remember+strings.Repeat("\xbe", 4000))).verdict()
	}},
	{"10,000 header fields", "memory, and time to hash them", func(b *besieged) string {
		return b.dial().open("").send(headers(1, request(checkPath)+strings.Repeat(field("a", "b"), 10_000))).verdict()
	}},
	{"an upper-case header", "request smuggling", func(b *besieged) string {
		return b.dial().open("").send(frame(frameHeaders, endHeaders|endStream, 1, request(checkPath, field("Upper", "x")))).verdict()
	}},
	{"a line's end in a header", "request smuggling", func(b *besieged) string {
		return b.dial().open("").send(frame(frameHeaders, endHeaders|endStream, 1, request(checkPath, field("a", "b\r\nc: d")))).verdict()
	}},
	{"two paths", "request smuggling", func(b *besieged) string {
		return b.dial().open("").send(frame(frameHeaders, endHeaders|endStream, 1, field(":path", "/")+request(checkPath))).verdict()
	}},
	{"a length that is not the body's", "request smuggling", func(b *besieged) string {
		return b.dial().open("").send(frame(frameHeaders, endHeaders, 1, request(checkPath, field("content-length", "1"))),
			frame(frameData, 0, 1, strings.Repeat("x", 100))).verdict()
	}},
	{"1000 streams at once on one connection", "goroutines", func(b *besieged) string {
		w := b.dial().open("")
		for i := range uint32(1000) {
			w.send(frame(frameHeaders, endHeaders, 2*i+1, request(checkPath)))
		}
		w.send(ping)
		for range 1000 - 256 {
			if got := w.verdict(); got != "stream reset, REFUSED_STREAM" {
				return got
			}
		}
		if got := w.verdict(); got != "served on" { // behind the last of them
			return got
		}
		return "stream reset, REFUSED_STREAM, each beyond the 256th"
	}},
	{"5000 streams, each reset at once (CVE-2023-44487)", "goroutines and time", func(b *besieged) string {
		w := b.dial().open("")
		for i := range uint32(5000) {
			w.send(frame(frameHeaders, endHeaders, 2*i+1, request(checkPath)), frame(frameReset, 0, 2*i+1, number(8)))
		}
		// Which of the two depends on how quickly the streams end.
		return either(w.send(ping).afterResets(), "served on", "connection closed, ENHANCE_YOUR_CALM", "hung up")
	}},
	{"100,000 PINGs, whose answers are not read", "memory", func(b *besieged) string {
		w := b.dial().open("")
		pings := strings.Repeat(ping, 1000)
		for range 100 {
			w.send(pings)
		}
		return either(w.verdict(), "served on", "hung up")
	}},
	{"100,000 SETTINGS, whose answers are not read", "memory", func(b *besieged) string {
		w := b.dial().open("")
		settings := strings.Repeat(frame(frameSettings, 0, 0, ""), 1000)
		for range 100 {
			w.send(settings)
		}
		return either(w.send(ping).verdict(), "served on", "hung up")
	}},
	{"a window of more than 2^31-1", "arithmetic", func(b *besieged) string {
		return b.dial().open("").send(frame(frameWindow, 0, 0, number(1<<31-1)), frame(frameWindow, 0, 0, number(1<<31-1))).verdict()
	}},
	{"an initial window of more than 2^31-1", "arithmetic", func(b *besieged) string {
		return b.dial().open("\x00\x04" + number(1<<32-1)).verdict()
	}},
	{"a window that grows by 0", "state", func(b *besieged) string {
		return b.dial().open("").send(frame(frameWindow, 0, 0, number(0))).verdict()
	}},
	{"more of a body than the window", "memory", func(b *besieged) string {
		w := b.dial().open("").send(frame(frameHeaders, endHeaders, 1, request(checkPath)))
		verdict := w.listen()
		w.send(frame(frameData, 0, 1, "\x00\x00\x40\x00\x00")) // 4 MiB are to come
		for range 256 {
			w.send(frame(frameData, 0, 1, strings.Repeat("x", 16<<10)))
		}
		w.send(frame(frameData, endStream, 1, ""))
		return either(verdict(), "stream reset, FLOW_CONTROL_ERROR", "200") // with an error in it
	}},
	{"frames of a kind that there is not, 10,000 of them", "parser", func(b *besieged) string {
		return b.dial().open("").send(strings.Repeat(frame(0xee, 0xff, 0, "what?"), 10_000), ping).verdict()
	}},
	{"SETTINGS of a length that is none", "parser", func(b *besieged) string {
		return b.dial().send(preface, frame(frameSettings, 0, 0, "five!")).verdict()
	}},
}

// headers is a block in as many frames as it takes.
func headers(stream uint32, block string) string {
	const most = 16 << 10
	if len(block) <= most {
		return frame(frameHeaders, endHeaders|endStream, stream, block)
	}
	all := frame(frameHeaders, endStream, stream, block[:most])
	for block = block[most:]; len(block) > most; block = block[most:] {
		all += frame(frameContinuation, 0, stream, block[:most])
	}
	return all + frame(frameContinuation, endHeaders, stream, block)
}

// either names all outcomes where it depends on who is quicker.
func either(got string, outcomes ...string) string {
	if slices.Contains(outcomes, got) {
		return strings.Join(outcomes, ", or ")
	}
	return got
}

// afterResets is the verdict behind what the server says of streams that are no more.
func (w *wire) afterResets() string {
	for {
		got := w.verdict()
		if got != "200" && !strings.HasPrefix(got, "stream reset") {
			return got
		}
	}
}
