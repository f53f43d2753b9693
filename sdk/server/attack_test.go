package server_test

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/throttlekit/throttlekit-go/sdk/server"
)

var update = flag.Bool("update", false, "write what the attacks get into sdk/docs/attacks.md")

const attacksFile = "../docs/attacks.md"

const attacksHead = `# What attacks get

Written by a test, which tries each row on a listening server while good clients call it:

    go test ./sdk/server -run TestAttacks -update

Meanwhile every good call was answered in time and memory was at most 64 MiB above what it had been; after each table no
goroutine was left. Where a timeout ends a row, the test shortens it, and the table names the real one. One connection is used
where no number of them is told.
`

// attack is something that no good client sends.
type attack struct {
	name string // what is sent
	aim  string // what it is after
	run  func(*besieged) string
}

// memoryBound is how much a row may take, in bytes: far more than any should need, and far
// less than what most of them are after.
const memoryBound = 64 << 20

// besieged is a server under attack.
type besieged struct {
	*running
	t            *testing.T
	conns        []net.Conn // of the attacker
	http1, http2 *http.Client
}

// TestAttacks tries the tables of attacks and compares what they got with the file.
func TestAttacks(t *testing.T) {
	var text strings.Builder
	text.WriteString(attacksHead)
	for _, table := range []struct {
		name    string
		atOnce  bool          // since most rows wait for something
		least   time.Duration // that each row takes
		rows    []attack
		options []server.Option
	}{
		{"HTTP/1.1", true, 0, attacksOnHTTP1, nil},
		{"HTTP/2", true, 0, attacksOnHTTP2, nil},
		{"Waiting", true, patience, attacksByWaiting, []server.Option{
			server.WithPatience(patience, patience, patience), server.WithCallTimeout(2 * patience)}},
		{"Messages", false, 0, attacksByMessage, nil},
		{"Without the secret", false, 0, attacksOnAGuard, []server.Option{server.WithSecrets(aSecret)}},
	} {
		fmt.Fprintf(&text, "\n## %s\n\n| sent | aim | got |\n|---|---|---|\n", table.name)
		t.Run(table.name, func(t *testing.T) {
			r := start(t, []server.Policy{{Name: "api", Limiter: echo()}}, table.options...)
			good := goodClients(t, r)
			good(t) // so that there are its connections
			defer settle(t, runtime.NumGoroutine())
			step := 1
			if table.atOnce {
				step = len(table.rows)
			}
			for rows := range slices.Chunk(table.rows, step) {
				for i, got := range besiege(t, r, good, rows, table.least) {
					fmt.Fprintf(&text, "| %s | %s | %s |\n", rows[i].name, rows[i].aim, got)
				}
			}
		})
	}
	if *update {
		if err := os.MkdirAll("../docs", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(attacksFile, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if strings.Contains(flag.Lookup("test.run").Value.String(), "/") {
		return // not all rows have been tried
	}
	want, err := os.ReadFile(attacksFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(text.String(), "\n")); diff != "" {
		t.Errorf("%s is not what the attacks get; run this test with -update (-want +got):\n%s", attacksFile, diff)
	}
}

// patience is what the server has for who dawdles in the rows that wait for its end. A good
// call is far shorter.
const patience = 400 * time.Millisecond

// besiege tries attacks at once, while good clients go on, and returns what each got. None
// may be over sooner than least: what waits for a timeout has not met another end.
func besiege(t *testing.T, r *running, good func(*testing.T), rows []attack, least time.Duration) []string {
	runtime.GC()
	before, most := liveBytes(), uint64(0)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			good(t)
			most = max(most, liveBytes())
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	got := make([]string, len(rows))
	var all sync.WaitGroup
	for i, row := range rows {
		all.Go(func() {
			t.Run(row.name, func(t *testing.T) {
				b := &besieged{running: r, t: t, http1: client(t, &http.Transport{}), http2: h2c(t)}
				began := time.Now()
				got[i] = row.run(b)
				if took := time.Since(began); took < least {
					t.Errorf("over after %v, want at least %v", took, least)
				}
				for _, conn := range b.conns {
					_ = conn.Close()
				}
			})
		})
	}
	all.Wait()
	close(stop)
	<-stopped
	if most > before+memoryBound {
		t.Errorf("%s: memory went from %d to %d MiB, want at most %d more", rows[0].name, before>>20, most>>20, memoryBound>>20)
	}
	return got
}

// settle waits until there are no more goroutines than there were: until the server has
// ended what the attackers began. How long that takes decides nothing.
func settle(t *testing.T, goroutines int) {
	for end := time.Now().Add(enough); runtime.NumGoroutine() > goroutines; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			all := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, and %d before\n%s", runtime.NumGoroutine(), goroutines, all[:runtime.Stack(all, true)])
		}
	}
}

// liveBytes is the memory of objects that live, or that nobody has found dead yet.
func liveBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// goodClients returns a function that makes a call over each HTTP, each on a connection
// that it keeps, and fails the test when one is not answered in time.
func goodClients(t *testing.T, r *running) func(*testing.T) {
	http1, http2 := client(t, &http.Transport{}), h2c(t)
	http1.Timeout, http2.Timeout = enough/4, enough/4
	return func(t *testing.T) {
		for name, c := range map[string]*http.Client{"HTTP/1.1": http1, "HTTP/2": http2} {
			status, err := goodCall(c, r.url)
			if err != nil {
				// The server has little patience in some tables, and may hang up on a client
				// that the machine gave no time.
				status, err = goodCall(c, r.url)
			}
			if err != nil || status != http.StatusOK {
				t.Errorf("a good call over %s: status %d, %v", name, status, err)
			}
		}
	}
}

func goodCall(c *http.Client, url string) (status int, err error) {
	req, err := http.NewRequest(http.MethodPost, url+checkPath, strings.NewReader(`{"policy":"api","key":"good"}`))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", jsonType)
	req.Header.Set("Authorization", "Bearer "+aSecret)
	res, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, errors.Join(err, res.Body.Close())
}
