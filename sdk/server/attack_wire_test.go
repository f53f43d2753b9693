package server_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
)

// wire is a connection of somebody who does not keep to the rules, so no client library can
// be in between.
type wire struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

// enough is the patience of the attacker, who expects to be hung up on: the failure of a
// test, never what one waits for.
const enough = 20 * time.Second

func (b *besieged) dial() *wire {
	b.t.Helper()
	conn, err := net.Dial("tcp", b.address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.conns = append(b.conns, conn)
	_ = conn.SetDeadline(time.Now().Add(enough))
	return &wire{t: b.t, conn: conn, in: bufio.NewReader(conn)}
}

// send sends until the server takes no more, which is no failure.
func (w *wire) send(parts ...string) *wire {
	for _, part := range parts {
		if _, err := io.WriteString(w.conn, part); err != nil {
			break
		}
	}
	return w
}

// status is the status line that comes back, or what comes instead of one.
func (w *wire) status() string {
	line, err := w.in.ReadString('\n')
	switch {
	case err == nil:
		return strings.Fields(line)[1]
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "nothing"
	}
	return "hung up"
}

// ---- HTTP/2 ----

// The kinds of frames and flags of RFC 9113, as far as they are sent here.
const (
	frameData, frameHeaders, frameReset, frameSettings, framePing byte = 0, 1, 3, 4, 6
	frameGoAway, frameWindow, frameContinuation                   byte = 7, 8, 9

	endStream, endHeaders byte = 1, 4
)

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

func frame(kind, flags byte, stream uint32, payload string) string {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	head = append(head, flags)
	return string(binary.BigEndian.AppendUint32(head, stream)) + payload
}

func number(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }

// field is one header field, literal and not to be remembered, in HPACK.
func field(name, value string) string { return "\x00" + sized(name) + sized(value) }

func sized(s string) string {
	n := len(s)
	if n < 127 {
		return string([]byte{byte(n)}) + s
	}
	head := []byte{127}
	for n -= 127; n >= 128; n >>= 7 {
		head = append(head, byte(n)|128)
	}
	return string(append(head, byte(n))) + s
}

// request are the header fields of a call.
func request(path string, more ...string) string {
	return field(":method", "POST") + field(":scheme", "http") + field(":authority", "here") + field(":path", path) +
		field("content-type", "application/grpc") + field("te", "trailers") + strings.Join(more, "")
}

// open begins HTTP/2 and waits for nothing.
func (w *wire) open(settings string) *wire {
	return w.send(preface, frame(frameSettings, 0, 0, settings))
}

// codes are the error codes of RFC 9113.
var codes = []string{
	"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR",
	"REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
}

// listen reads the verdict while more is sent: to who is hung up on while he sends, the
// goodbye may be lost.
func (w *wire) listen() (verdict func() string) {
	said := make(chan string, 1)
	go func() { said <- w.verdict() }()
	return func() string { return <-said }
}

// verdict reads until the server says what it thinks: an answer, a reset stream, a goodbye
// or none. It answers a goodbye without an error by reading on.
func (w *wire) verdict() string {
	for {
		var head [9]byte
		if _, err := io.ReadFull(w.in, head[:]); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return "nothing"
			}
			return "hung up"
		}
		payload := make([]byte, binary.BigEndian.Uint32(head[:4])>>8)
		if _, err := io.ReadFull(w.in, payload); err != nil {
			return "hung up"
		}
		switch head[3] {
		case frameHeaders:
			return statusOf(payload)
		case frameReset:
			return "stream reset, " + codes[binary.BigEndian.Uint32(payload)]
		case frameGoAway:
			if code := binary.BigEndian.Uint32(payload[4:]); code != 0 {
				return "connection closed, " + codes[code]
			}
		case framePing:
			if head[4] == 1 { // an answer
				return "served on"
			}
		}
	}
}

// statusOf is the status at the beginning of an answer's HPACK block: one that HPACK has a
// number for, or three digits.
func statusOf(block []byte) string {
	for i, status := range []string{"200", "204", "206", "304", "400", "404", "500"} {
		if block[0] == byte(0x88+i) {
			return status
		}
	}
	if len(block) >= 5 && block[0]&^15 == 0x40 && block[1] == 3 { // a text behind the number of :status
		return string(block[2:5])
	}
	return fmt.Sprintf("an answer that begins with % x", block[:min(5, len(block))])
}

// ---- Calls that are well-formed HTTP ----

// asking is one call and its answer in a word or two.
type asking struct {
	http1       bool
	method      string // POST
	path        string // the path of Check
	contentType string
	header      http.Header
	body        io.Reader
}

const (
	checkPath     = "/throttlekit.v1.RateLimiter/Check"
	checkManyPath = "/throttlekit.v1.RateLimiter/CheckMany"
	protoType     = "application/proto"
	jsonType      = "application/json"
	grpcType      = "application/grpc"
)

func (b *besieged) ask(a asking) string {
	b.t.Helper()
	if a.method == "" {
		a.method = http.MethodPost
	}
	if a.path == "" {
		a.path = checkPath
	}
	req, err := http.NewRequestWithContext(b.t.Context(), a.method, b.url+a.path, a.body)
	if err != nil {
		b.t.Fatal(err)
	}
	if a.header != nil {
		req.Header = a.header
	}
	if a.contentType != "" {
		req.Header.Set("Content-Type", a.contentType)
	}
	c := b.http2
	if a.http1 {
		c = b.http1
	}
	res, err := c.Do(req)
	if err != nil {
		return "hung up"
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return "hung up"
	}
	if strings.Contains(string(body), aKey) {
		b.t.Error("the answer repeats the key")
	}
	status := res.Trailer.Get("Grpc-Status")
	if status == "" {
		status = res.Header.Get("Grpc-Status")
	}
	if code, err := strconv.Atoi(status); err == nil {
		if code == 0 {
			return "OK"
		}
		return connect.Code(code).String()
	}
	var said struct {
		Code connect.Code `json:"code"`
	}
	if res.StatusCode != http.StatusOK && json.Unmarshal(body, &said) == nil && said.Code != 0 {
		return fmt.Sprintf("%d %s", res.StatusCode, said.Code)
	}
	return fmt.Sprint(res.StatusCode)
}

func (b *besieged) json(body string) string {
	return b.ask(asking{contentType: jsonType, body: strings.NewReader(body)})
}

func (b *besieged) proto(path, body string) string {
	return b.ask(asking{path: path, contentType: protoType, body: strings.NewReader(body)})
}

// grpc sends body in gRPC's frame.
func (b *besieged) grpc(body string) string {
	return b.ask(asking{contentType: grpcType, body: strings.NewReader(enveloped(0, body))})
}

func enveloped(flags byte, message string) string {
	return string(flags) + number(uint32(len(message))) + message
}

// bomb is some zeros that gzip makes very small: members of 16 MiB each, one after the
// other.
func bomb(members int) string { return strings.Repeat(member(), members) }

var member = sync.OnceValue(func() string {
	var small bytes.Buffer
	w := gzip.NewWriter(&small)
	_, _ = w.Write(make([]byte, 16<<20)) // a buffer takes everything
	_ = w.Close()
	return small.String()
})
