//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

func TestServeReloadsOnSIGHUP(t *testing.T) {
	path := writePolicies(t, twoPolicies)
	rewrite := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := launch(t, path)
	client := c.client(t)
	check := func(policy string) throttlekit.Decision {
		t.Helper()
		d, err := client.Check(t.Context(), policy, aLimitedKey)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := check("login"); d.Remaining != 2 {
		t.Fatalf("before: %+v", d)
	}

	rewrite("limiters: {login: {strategy: fixedWindow, limit: 30, period: 1h}, web: {strategy: gcra, limit: 5, period: 1h}, spend: {tokenBudget: {budget: 1, windowMs: 1000}}}\n")
	c.signal(t, syscall.SIGHUP)
	eventually(t, "the reload is logged", func() bool { return strings.Contains(c.log.String(), `msg="policy file reloaded" policies=3`) })
	if !strings.Contains(c.log.String(), `msg="policy not served" policy=spend`) {
		t.Error("a reload does not say what is not served")
	}
	if d := check("login"); d.Limit != 30 || d.Remaining != 28 {
		t.Errorf("login: %+v, want what was spent to stay spent under the new limit", d)
	}
	if d := check("web"); d.Limit != 5 {
		t.Errorf("web: %+v", d)
	}
	const gone = `unknown policy "api"; the server has "login", "web", "spend"`
	if _, err := client.Check(t.Context(), "api", aLimitedKey); err == nil || !strings.Contains(err.Error(), gone) {
		t.Errorf("api: %v, want %s", err, gone)
	}

	for _, bad := range []struct{ name, text, says string }{
		{"wrong", "limiters: {login: {strategy: fixedWindow, limit: 0, period: 1h}}\n", "limiters[login].limit"},
		{"cut off", "limiters: {login: {", "is not YAML"},
	} {
		rewrite(bad.text)
		c.signal(t, syscall.SIGHUP)
		eventually(t, "the refusal is logged: "+bad.name, func() bool {
			return strings.Contains(c.log.String(), `msg="policy file not reloaded, the old policies stay"`) && strings.Contains(c.log.String(), bad.says)
		})
		if d := check("web"); d.Limit != 5 {
			t.Errorf("web after a file that is %s: %+v", bad.name, d)
		}
	}
	if d := check("login"); d.Remaining != 27 {
		t.Errorf("login after two bad files: %+v", d)
	}
}

// dawdler holds a call open that needs nothing but its last bytes.
type dawdler struct {
	net.Conn
	answer *bufio.Reader
}

func dawdleAt(t *testing.T, c *child) *dawdler {
	t.Helper()
	conn, err := net.Dial("tcp", c.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	const body = `{"policy":"api"}`
	d := &dawdler{Conn: conn, answer: bufio.NewReader(conn)}
	// The server asks for the body when the call has begun.
	fmt.Fprintf(conn, "POST /throttlekit.v1.RateLimiter/Check HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(body))
	if line, err := d.answer.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("%q, %v", line, err)
	}
	_, _ = d.answer.ReadString('\n')
	return d
}

func (d *dawdler) finish(t *testing.T) string {
	t.Helper()
	if _, err := io.WriteString(d.Conn, `{"policy":"api"}`); err != nil {
		t.Fatal(err)
	}
	line, err := d.answer.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func TestServeDrainsOnSIGTERM(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			c := launch(t, writePolicies(t, twoPolicies), "--metrics-port", "0")
			d := dawdleAt(t, c)
			c.signal(t, signal)
			eventually(t, "the listener is closed", func() bool {
				conn, err := net.Dial("tcp", c.address)
				if err == nil {
					_ = conn.Close()
				}
				return err != nil
			})
			if code, _ := get(t, "http://"+c.metrics+"/healthz"); code != 503 {
				t.Errorf("/healthz while draining is %d, want 503", code)
			}
			if got := d.finish(t); got != "HTTP/1.1 200 OK" {
				t.Errorf("the call under way got %s", got)
			}
			if code := c.code(t); code != exitOK {
				t.Errorf("exit code %d, want 0", code)
			}
			if log := c.log.String(); !strings.Contains(log, "msg=draining") || !strings.HasSuffix(log, "msg=stopped\n") {
				t.Errorf("logged\n%s", log)
			}
		})
	}
}

func TestServeDrainHasABound(t *testing.T) {
	c := launch(t, writePolicies(t, twoPolicies), "--drain", "20ms")
	dawdleAt(t, c)
	c.signal(t, syscall.SIGTERM)
	if code := c.code(t); code != exitNo || !strings.Contains(c.log.String(), "calls still under way 20ms after the stop were cut off") {
		t.Errorf("exit code %d, want 1 and a word about the call that was cut off\n%s", code, c.log)
	}
}

func TestServeEndsAtOnceOnASecondSignal(t *testing.T) {
	c := launch(t, writePolicies(t, twoPolicies), "--drain", "1h")
	dawdleAt(t, c)
	c.signal(t, syscall.SIGTERM)
	eventually(t, "it drains", func() bool { return strings.Contains(c.log.String(), "msg=draining") })
	began := time.Now()
	c.signal(t, syscall.SIGINT)
	if code := c.code(t); code != -1 {
		t.Errorf("exit code %d, want to be ended by the signal", code)
	}
	if took := time.Since(began); took > 5*time.Second { // less than the call is given
		t.Errorf("it took %v", took)
	}
}
