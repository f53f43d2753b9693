package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
)

func TestVersionSaysWhatWasBuilt(t *testing.T) {
	contract := ", contract " + strategy.ContractVersion + " of " + strategy.GeneratedFrom
	setting := func(key, value string) debug.BuildSetting { return debug.BuildSetting{Key: key, Value: value} }
	for _, row := range []struct {
		name string
		info debug.BuildInfo
		want string
	}{
		{"a released module, which has no checkout", debug.BuildInfo{GoVersion: "go1.26.0", Main: debug.Module{Version: "v0.2.0"}},
			"throttlekit v0.2.0, go1.26.0" + contract},
		{"a checkout", debug.BuildInfo{GoVersion: "go1.25.0", Main: debug.Module{Version: "(devel)"},
			Settings: []debug.BuildSetting{setting("vcs.revision", "abc123"), setting("vcs.modified", "false")}},
			"throttlekit (devel), revision abc123, go1.25.0" + contract},
		{"a checkout with changes", debug.BuildInfo{GoVersion: "go1.25.0", Main: debug.Module{Version: "v0.2.1-0.20300101"},
			Settings: []debug.BuildSetting{setting("vcs.modified", "true"), setting("vcs.revision", "abc123")}},
			"throttlekit v0.2.1-0.20300101, revision abc123 (modified), go1.25.0" + contract},
		{"a test's binary knows nothing", debug.BuildInfo{GoVersion: "go1.25.0"},
			"throttlekit (devel), go1.25.0" + contract},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := buildOf(&row.info).String(); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestVersionCommand(t *testing.T) {
	stdout, stderr, code := throttlekitCommand(t, "version")
	if code != exitOK || stderr != "" || !strings.Contains(stdout, runtime.Version()+", contract "+strategy.ContractVersion) {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	stdout, _, code = throttlekitCommand(t, "version", "--json")
	var got build
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != exitOK {
		t.Fatalf("exit code %d, %v: %s", code, err, stdout)
	}
	if got.Go != runtime.Version() || got.ContractVersion != strategy.ContractVersion || got.GeneratedFrom != strategy.GeneratedFrom {
		t.Errorf("got %+v", got)
	}
	if _, _, code := throttlekitCommand(t, "version", "1"); code != exitFault {
		t.Errorf("with an argument the exit code is %d, want 2", code)
	}
}

// TestCompletion has each shell read its own script without running it.
func TestCompletion(t *testing.T) {
	for shell, check := range map[string][]string{
		"bash": {"bash", "-n"}, "zsh": {"zsh", "-n"}, "fish": {"fish", "--no-execute"},
	} {
		t.Run(shell, func(t *testing.T) {
			script, stderr, code := throttlekitCommand(t, "completion", shell)
			if code != exitOK || !strings.Contains(script, "throttlekit") {
				t.Fatalf("exit code %d: %s%s", code, script, stderr)
			}
			path, err := exec.LookPath(check[0])
			if err != nil {
				t.Skipf("no %s on this machine", check[0])
			}
			file := filepath.Join(t.TempDir(), "script")
			if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(path, append(check[1:], file)...).CombinedOutput(); err != nil {
				t.Errorf("%s refuses it: %v\n%s", shell, err, out)
			}
		})
	}
	if _, stderr, code := throttlekitCommand(t, "completion", "nosuchshell"); code != exitFault || stderr == "" {
		t.Errorf("an unknown shell: exit code %d and %q, want 2 and a reason", code, stderr)
	}
}

func TestCompletionKnowsCommandsAndFlags(t *testing.T) {
	for _, row := range []struct {
		name  string
		typed []string
		want  []string
	}{
		{"commands", nil, []string{"check:", "conform:", "demo:", "forecast:", "many:", "peek:", "version:"}},
		{"flags of a command", []string{"check", "-"}, []string{"--cost:", "--json:", "--target:"}},
		{"shells", []string{"completion"}, []string{"bash:", "fish:", "zsh:"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			args := append(row.typed, "--generate-shell-completion")
			was := os.Args
			os.Args = append([]string{"throttlekit"}, args...) // the library looks there, too
			defer func() { os.Args = was }()
			stdout, stderr, code := throttlekitCommand(t, args...)
			if code != exitOK || stderr != "" {
				t.Errorf("exit code %d: %s", code, stderr)
			}
			for _, want := range row.want {
				if !strings.Contains("\n"+stdout, "\n"+want) {
					t.Errorf("suggests\n%swant %s among it", stdout, want)
				}
			}
		})
	}
}
