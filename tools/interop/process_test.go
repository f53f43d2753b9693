package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// program writes a shell script and returns its path.
func program(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestStartServiceFindsItsAddress(t *testing.T) {
	p, address, err := startService(t.Context(),
		program(t, `trap 'exit 0' TERM; echo "throttlekit listening on 127.0.0.1:4711"; while :; do sleep 0.01; done`), "policies.json")
	if err != nil {
		t.Fatal(err)
	}
	if address != "127.0.0.1:4711" {
		t.Errorf("the address is %q", address)
	}
	for range 2 { // the second stop finds it gone
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	}
}

func TestStartServiceTellsWhatTheProcessSaid(t *testing.T) {
	_, _, err := startService(t.Context(), program(t, `echo "no policy file" >&2; exit 1`), "policies.json")
	if err == nil || !strings.Contains(err.Error(), "no policy file") || !strings.Contains(err.Error(), "exit status 1") {
		t.Errorf("got %v", err)
	}
	if _, _, err := startService(t.Context(), filepath.Join(t.TempDir(), "missing"), "policies.json"); err == nil {
		t.Error("a missing program starts")
	}
}

func TestStopTellsABadEnd(t *testing.T) {
	p, _, err := startService(t.Context(),
		program(t, `trap 'exit 3' TERM; echo "listening on 127.0.0.1:1"; while :; do sleep 0.01; done`), "policies.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.stop(); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
}

func TestProcessEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, _, err := startService(ctx, program(t, `echo "listening on 127.0.0.1:1"; while :; do sleep 0.01; done`), "policies.json")
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case <-p.exited:
	case <-time.After(startTimeout):
		t.Error("it runs on")
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	var said tail
	if said.String() != "" {
		t.Errorf("nothing said is %q", said.String())
	}
	for range 100 {
		if n, err := said.Write([]byte(strings.Repeat("x", 99) + "\n")); n != 100 || err != nil {
			t.Fatal(n, err)
		}
	}
	_, _ = said.Write([]byte("the end"))
	if got := said.String(); !strings.HasSuffix(got, "the end") || len(got) > tailSize+50 {
		t.Errorf("%d bytes are kept, ending in %q", len(got), got[len(got)-10:])
	}
}

const greeting = `read hello; echo '{"version":"1","python":"3","serviceOps":{}}'; `

func TestPeer(t *testing.T) {
	for _, row := range []struct {
		name, script, want string // want is in the error
		isFault            bool
	}{
		{"an exception is a fault", `read x; echo '{"error":{"kinds":["ValueError","Exception"],"message":"no"}}'; read x`, "ValueError: no", true},
		{"an answer of another shape", `read x; echo '{"decision":[1]}'; read x`, "a decision of 1 fields", false},
		{"no JSON", `read x; echo hello; read x`, `answered "hello`, false},
		{"it ends", `read x; echo "Traceback" >&2`, "ended", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, err := startPeer(t.Context(), pythonClient{python: program(t, greeting+row.script)}, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			var a answer
			err = p.call(t.Context(), map[string]any{"op": "check"}, &a)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
			var raised *fault
			if errors.As(err, &raised) != row.isFault {
				t.Errorf("%v is the client's own exception: %t, want %t", err, !row.isFault, row.isFault)
			}
			if err := p.Close(); err != nil {
				// read fails at the end of the input, and with it the shell.
				t.Logf("it ended: %v", err)
			}
		})
	}
}

func TestPeerThatDoesNotStart(t *testing.T) {
	_, err := startPeer(t.Context(), pythonClient{python: program(t, `echo "ModuleNotFoundError" >&2; exit 1`)}, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "ModuleNotFoundError") {
		t.Errorf("got %v, want what it complained of", err)
	}
}

func TestPeerCallHonoursItsContext(t *testing.T) {
	p, err := startPeer(t.Context(), pythonClient{python: program(t, greeting+`while read x; do :; done`)}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.call(ctx, map[string]any{"op": "check"}, &answer{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	_ = p.Close() // the shell's read fails
}
