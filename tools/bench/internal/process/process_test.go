package process_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/throttlekit/throttlekit-go/tools/bench/internal/needs"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/process"
)

func TestRedisIsPrivate(t *testing.T) {
	needs.Redis(t)
	r, err := process.StartRedis(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if reply, err := r.Do("PING"); err != nil || reply != "PONG" {
		t.Errorf("it answers %v, %v", reply, err)
	}
	if !strings.HasPrefix(r.Address, "127.0.0.1:") {
		t.Errorf("it listens at %s, which others can reach", r.Address)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Do("PING"); err == nil {
		t.Error("it answers after Close")
	}
}

func TestServe(t *testing.T) {
	for _, row := range []struct{ name, script, address, complaint string }{
		{"says where it listens", `echo starting; echo "listening on 127.0.0.1:4711 for all"; exec sleep 60`, "127.0.0.1:4711", ""},
		{"ends instead", `echo "no such file" >&2; exit 1`, "", "no such file"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := process.Serve(t.Context(), exec.Command("sh", "-c", row.script))
			if row.complaint != "" {
				if err == nil || !strings.Contains(err.Error(), row.complaint) {
					t.Errorf("the error is %v, want what it said: %s", err, row.complaint)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if s.Address != row.address {
				t.Errorf("it listens at %s, want %s", s.Address, row.address)
			}
			if err := s.Close(); err == nil {
				t.Error("a server that dies of its signal, rather than ending, ended well")
			}
		})
	}
}
