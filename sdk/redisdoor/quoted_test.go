package redisdoor_test

import (
	"fmt"
	"strings"
	"testing"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// TestUnknownCommandsAreNotQuoted: of a command that it does not know Redis repeats the
// arguments, the key among them.
func TestUnknownCommandsAreNotQuoted(t *testing.T) {
	pool := dial(t, redistest.StartProcess(t, "--rename-command", "EVALSHA", ""))
	quote := "'"
	conn := pool.Get()
	defer conn.Close()
	if _, err := conn.Do("NOSUCH"); strings.Contains(fmt.Sprint(err), "`") { // before Redis 7
		quote = "`"
	}
	want := fault{source: throttlekit.SourceServer, consumed: true, says: "EVALSHA" + quote + "; the check may"}
	for _, row := range []struct {
		name    string
		options []redisdoor.Option
	}{
		{"fused", nil},
		{"alone", []redisdoor.Option{redisdoor.WithoutFusing()}},
	} {
		t.Run(row.name, func(t *testing.T) {
			limiter := newLimiter(t, pool, scripted{lua: `return {1, 1, 1, 1, 1}`}, row.options...)
			_, err := limiter.Check(t.Context(), secretKey)
			wantFault(t, err, want)
			_, err = limiter.CheckMany(t.Context(), []string{secretKey, secretKey}, 1)
			wantFault(t, err, want)
		})
	}
}

// TestUnknownAuthIsNotQuoted: it would be the password.
func TestUnknownAuthIsNotQuoted(t *testing.T) {
	const password = "hunter2-hunter2"
	url := redistest.StartProcess(t, "--rename-command", "AUTH", "")
	scheme, rest, _ := strings.Cut(url, "://")
	pool := dial(t, scheme+"://:"+password+"@"+rest)
	conn, err := pool.GetContext(t.Context())
	if err == nil {
		err = conn.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "ERR unknown command ") || !strings.HasSuffix(strings.TrimRight(err.Error(), "'`"), "AUTH") {
		t.Errorf("error is %v, want one that says that there is no AUTH", err)
	}
	_, err = newLimiter(t, pool, scripted{lua: `return {1, 1, 1, 1, 1}`}).Check(t.Context(), secretKey)
	if err == nil || strings.Contains(err.Error(), password) {
		t.Errorf("error is %v, want one without the password", err)
	}
}
