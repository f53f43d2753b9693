package servicedoor_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

// deaf passes connections on to a server until it is told to be deaf: those that there are
// then stay open, and nothing goes through them any more.
type deaf struct {
	net.Listener
	dialled atomic.Int64 // connections
	until   atomic.Int64 // this connection all are deaf
}

func startDeaf(t *testing.T, server string) *deaf {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &deaf{Listener: listener}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { _, _ = client.Close(), upstream.Close() })
			number := d.dialled.Add(1)
			go d.pass(number, upstream, client)
			go d.pass(number, client, upstream)
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return d
}

func (d *deaf) pass(number int64, to io.WriteCloser, from io.Reader) {
	defer to.Close()
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if d.until.Load() >= number {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// TestSilentConnectionIsLeft: without it, every call goes out on the dead connection until
// the operating system notices.
func TestSilentConnectionIsLeft(t *testing.T) {
	for _, row := range []struct {
		name    string
		secure  bool
		options []servicedoor.Option
	}{
		{"alone", false, nil},
		{"gathered", false, []servicedoor.Option{servicedoor.WithGathering()}},
		{"TLS", true, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			host, _ := answering(t, row.secure)
			way := startDeaf(t, host.Listener.Addr().String())
			address, options := way.Addr().String(), row.options
			if row.secure {
				roots := x509.NewCertPool()
				roots.AddCert(host.Certificate())
				address, options = "https://"+address, append(options, servicedoor.WithTLSConfig(&tls.Config{RootCAs: roots}))
			}
			client := dial(t, address, options...)
			check := func() error {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
				defer cancel()
				_, err := client.Check(ctx, "api", aKey)
				return err
			}
			for check() != nil { // on a busy machine
			}
			way.until.Store(way.dialled.Load())
			if err := check(); err == nil {
				t.Fatal("a check came through a dead connection")
			}
			for start := time.Now(); check() != nil; {
				if time.Since(start) > 5*time.Second {
					t.Fatal("checks still fail, 5 s after the connection went silent")
				}
			}
		})
	}
}

// TestSlowAnswerIsNoSilence: a call that is given up does no harm to one that waits on the
// same connection, however long the server takes.
func TestSlowAnswerIsNoSilence(t *testing.T) {
	host, slow := answering(t, false)
	client := dial(t, host.URL)
	if _, err := client.Check(t.Context(), "api", aKey); err != nil { // the connection
		t.Fatal(err)
	}
	slow.Store(int64(3 * servicedoor.Silence / 2))
	patient := make(chan error)
	go func() {
		_, err := client.Check(t.Context(), "api", aKey)
		patient <- err
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := client.Check(ctx, "api", aKey); err == nil {
		t.Fatal("the slow answer was none")
	}
	if err := <-patient; err != nil {
		t.Errorf("the one who waited got %v", err)
	}
}

// answering starts a service that decides, after a time that may be changed.
func answering(t *testing.T, secure bool) (host *httptest.Server, slow *atomic.Int64) {
	t.Helper()
	slow = new(atomic.Int64)
	s := &service{check: func(context.Context, *throttlekitv1.CheckRequest) (*throttlekitv1.CheckResponse, error) {
		time.Sleep(time.Duration(slow.Load()))
		return &throttlekitv1.CheckResponse{Decision: decided()}, nil
	}}
	if !secure {
		return listen(t, s.handler()), slow
	}
	host = httptest.NewUnstartedServer(s.handler())
	host.EnableHTTP2 = true
	host.StartTLS()
	t.Cleanup(host.Close)
	return host, slow
}
