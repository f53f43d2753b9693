package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/throttlekit/throttlekit-go"

// The ARGV names of this script are unknown to luagen's table, and it is in no contract
// but the user's: up to slots units at once, boostPerSec of them coming back a second,
// all of them after graceMs of silence, and spare units on top once in a while.
const dripCheck = `local now = tonumber(ARGV[1])
local graceMs, slots, boostPerSec = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local spare, cost = tonumber(ARGV[5]), tonumber(ARGV[6])
local state = redis.call('HMGET', KEYS[1], 'used', 'at')
local used, at = tonumber(state[1] or 0), tonumber(state[2] or now)
if now - at >= graceMs then used = 0 end
used = math.max(0, used - (now - at) * boostPerSec / 1000)
local most = slots + spare
if used + cost > most then
  return {0, most, math.floor(most - used), now + graceMs, math.ceil((used + cost - most) * 1000 / boostPerSec)}
end
redis.call('HSET', KEYS[1], 'used', used + cost, 'at', now)
redis.call('PEXPIRE', KEYS[1], graceMs)
return {1, most, math.floor(most - used - cost), now + graceMs, 0}`

const userMain = `package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/throttlekit/throttlekit-go/sdk/embedded"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"

	"example.com/user/limits"
)

func main() {
	ctx := context.Background()
	server, err := embedded.Start(ctx)
	check(err)
	defer server.Close()
	pool, err := redisdoor.Dial(server.URL())
	check(err)
	defer pool.Close()
	limiter, err := redisdoor.New(pool, limits.Drip{Grace: 2 * time.Second, Slots: 3, BoostPerSec: 0.5, Spare: 1})
	check(err)
	for range 2 {
		d, err := limiter.CheckAt(ctx, "somebody", 3, time.UnixMilli(1_000_000))
		check(err)
		fmt.Println(d.Allowed, d.Limit, d.Remaining, d.ResetAt.UnixMilli(), d.RetryAfter)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
`

// What a user does who has a strategy of their own: sync, generate, build, run, each
// from their own module and with the go command alone.
func TestFromAUsersOwnModule(t *testing.T) {
	f := newFixture()
	f.scripts = []fixtureScript{
		script("drip.check", "drip", dripCheck, "now", "graceMs", "slots", "boostPerSec", "spare", "cost"),
	}
	source := folderOf(t, f.core(t))
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	user := folderOf(t, map[string]string{
		"go.mod": "module example.com/user\n\ngo 1.25.0\n\nrequire " + module + " v0.0.0\n\n" +
			"replace " + module + " => " + root + "\n",
		"go.sum":  string(sums),
		"main.go": userMain,
	})
	goTool(t, user, "run", module+"/tools/contractsync", "--source", source, "--into", ".")
	files := tree(t, user)
	for name, text := range f.vendored(t) {
		if files[name] != text {
			t.Errorf("%s is not what the source has", name)
		}
	}
	goTool(t, user, "run", module+"/luagen", "-contract", "contract", "-out", "limits", "-package", "limits")
	got := goTool(t, user, "run", ".")
	if want := "true 4 1 1002000 0s\nfalse 4 1 1002000 4s\n"; got != want {
		t.Errorf("the user's program printed %q, want %q", got, want)
	}

	t.Run("handshake", func(t *testing.T) {
		const now, newer = "UpgradeThrottleKitSDKToGeneration1", "UpgradeThrottleKitSDKToGeneration99"
		changed := false
		for name, text := range tree(t, filepath.Join(user, "limits")) {
			if strings.Contains(text, "script."+now+"\n") {
				put(t, user, "limits/"+name, strings.ReplaceAll(text, now, newer))
				changed = true
			}
		}
		if !changed {
			t.Fatalf("no generated file names script.%s", now)
		}
		out, err := goCommand(t, user, "build", "./limits").CombinedOutput()
		if want := "undefined: script." + newer; err == nil || !strings.Contains(string(out), want) {
			t.Errorf("code from a newer luagen: %v, %s; want the compiler to say %q", err, out, want)
		}
	})
}

// goTool runs the go command in dir and returns what it prints.
func goTool(t *testing.T, dir string, args ...string) string {
	t.Helper()
	var stderr strings.Builder
	cmd := goCommand(t, dir, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

func goCommand(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	// Nothing may come from the network: what the user needs is what this module needs.
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	return cmd
}
