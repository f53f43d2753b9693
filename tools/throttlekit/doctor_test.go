package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
	"github.com/throttlekit/throttlekit-go/tools/throttlekit/internal/doctor"
)

// configure gives a server's settings or users by commands, each of whose words has no
// blank in it.
func configure(t *testing.T, url string, commands ...string) redis.Conn {
	t.Helper()
	pool, err := redisdoor.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	conn := pool.Get()
	t.Cleanup(func() { conn.Close() })
	for _, command := range commands {
		words := strings.Fields(command)
		args := make([]any, len(words)-1)
		for i, w := range words[1:] {
			args[i] = w
		}
		if _, err := conn.Do(words[0], args...); err != nil {
			t.Fatalf("%s: %v", command, err)
		}
	}
	return conn
}

func TestDoctor(t *testing.T) {
	for _, row := range []struct {
		name     string
		commands []string
		user     string
		args     []string
		code     int
		says     []string
	}{
		{"a healthy server", nil, "", nil, exitOK,
			[]string{"ok       server", "ok       latency", "ok       clock", "ok       scripts", "ok       rights", "tried with 5 strategies"}},
		{"limits may be evicted", []string{"CONFIG SET maxmemory 100mb", "CONFIG SET maxmemory-policy allkeys-lru"}, "", nil, exitNo,
			[]string{"warning  eviction", "set maxmemory-policy noeviction"}},
		{"a replica", []string{"REPLICAOF 127.0.0.1 1"}, "", nil, exitNo,
			[]string{"error    role", "is a replica", "127.0.0.1:1"}},
		{"a user with the rights of its prefix", []string{"ACL SETUSER app on >secret-of-app ~app:* +@all -@admin -@dangerous"}, "app:secret-of-app@", []string{"--prefix", "app"}, exitOK,
			[]string{"note     server", "may not run INFO", "ok       rights"}},
		{"another prefix than the user's", []string{"ACL SETUSER app on >secret-of-app ~app:* +@all"}, "app:secret-of-app@", nil, exitNo,
			[]string{"error    rights", "of gcra fail", "ACL SETUSER <name> ~throttlekit-doctor:*"}},
		{"a command that a script needs", []string{"ACL SETUSER app on >secret-of-app ~* +@all -zadd"}, "app:secret-of-app@", nil, exitNo,
			[]string{"error    rights", "checks, checks of many of slidingWindowLog fail", "+zadd +zcard"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			url := redistest.StartProcess(t)
			conn := configure(t, url, row.commands...)
			address := strings.Replace(url, "unix://", "unix://"+row.user, 1)
			stdout, stderr, code := throttlekitCommand(t, append([]string{"doctor", "--redis", address}, row.args...)...)
			for _, want := range row.says {
				if !strings.Contains(stdout, want) {
					t.Errorf("want it to say %q", want)
				}
			}
			if code != row.code || stderr != "" || strings.Contains(stdout, "secret-of-app") {
				t.Errorf("exit code %d, want %d, and no secret; stderr %q", code, row.code, stderr)
			}
			if t.Failed() {
				t.Log(stdout)
			}
			if keys, err := redis.Strings(conn.Do("KEYS", "*")); err != nil || len(keys) > 0 {
				t.Errorf("it left %v behind (%v)", keys, err)
			}
		})
	}
}

func TestDoctorInJSON(t *testing.T) {
	stdout, _, code := throttlekitCommand(t, "doctor", "--json", "--redis", redistest.StartProcess(t))
	var findings []doctor.Finding
	if err := json.Unmarshal([]byte(stdout), &findings); err != nil || code != exitOK || len(findings) < 8 {
		t.Errorf("exit code %d, %d findings and %v in\n%s", code, len(findings), err, stdout)
	}
}

// TestRedisByTheEnvironment: a password on a command line is seen by whoever may list processes.
func TestRedisByTheEnvironment(t *testing.T) {
	t.Setenv("THROTTLEKIT_REDIS", redistest.StartProcess(t))
	if stdout, stderr, code := throttlekitCommand(t, "doctor"); code != exitOK || !strings.Contains(stdout, "ok       rights") {
		t.Errorf("exit code %d, %q in\n%s", code, stderr, stdout)
	}
	t.Setenv("THROTTLEKIT_REDIS", "")
	_, stderr, code := throttlekitCommand(t, "serve", "--config", writePolicies(t, twoPolicies))
	if code != exitNo || !strings.Contains(stderr, "THROTTLEKIT_REDIS is empty") {
		t.Errorf("an empty address: exit code %d, %q", code, stderr)
	}
}

func TestDoctorFaults(t *testing.T) {
	for _, row := range []struct {
		name string
		args []string
		says string
	}{
		{"nobody to examine", []string{"doctor"}, `"redis" not set`},
		{"no Redis there", []string{"doctor", "--redis", "redis://127.0.0.1:1"}, "connection refused"},
		{"an address that is none", []string{"doctor", "--redis", "http://secret@localhost"}, "has another scheme"},
		{"an argument", []string{"doctor", "--redis", "redis://127.0.0.1:1", "now"}, `takes no arguments, got "now"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			stdout, stderr, code := throttlekitCommand(t, row.args...)
			if code != exitFault || !strings.Contains(stderr, row.says) || strings.Contains(stderr, "secret") {
				t.Errorf("exit code %d and %q, want 2 and %q; stdout %q", code, stderr, row.says, stdout)
			}
		})
	}
}
