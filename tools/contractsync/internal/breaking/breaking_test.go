package breaking

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const proto = `syntax = "proto3";
package a.v1;
service S { rpc Ask(AskRequest) returns (AskResponse); }
message AskRequest { string key = 1; int64 cost = 2; }
message AskResponse { bool allowed = 1; }
`

// requireVariable, when 1, makes a test fail that finds no buf.
const requireVariable = "THROTTLEKIT_REQUIRE_BUF"

func TestCheckOnPath(t *testing.T) {
	if path, err := exec.LookPath("buf"); err != nil {
		if os.Getenv(requireVariable) == "1" {
			t.Fatalf("%s=1, and there is no buf on PATH: %v", requireVariable, err)
		}
		t.Skip("needs a buf on PATH")
	} else {
		t.Log("buf is", path)
	}
	const breaks = "the proto breaks those who speak the vendored one; buf breaking (WIRE_JSON) says:\n"
	for _, tt := range []struct {
		name, reason string
		old, new     string
		older        string // instead of proto
		want         []string
	}{
		{name: "same", reason: "nothing to find"},
		{name: "field added", reason: "evolution is additive",
			old: "int64 cost = 2;", new: "int64 cost = 2; bool dry = 3;"},
		{name: "rpc added", reason: "a new rpc breaks nobody",
			old: "service S {", new: "service S { rpc Tell(AskRequest) returns (AskResponse);"},
		{name: "message renamed", reason: "its name is neither in bytes nor in JSON, but a method's type is part of its rpc",
			old: "AskResponse", new: "AskReply",
			want: []string{breaks, "source/throttlekit.proto:3:", `changed response type from "a.v1.AskResponse" to "a.v1.AskReply"`}},
		{name: "field retyped", reason: "the bytes would be misread",
			old: "int64 cost", new: "string cost",
			want: []string{breaks, "  source/throttlekit.proto:4:", `changed type from "int64" to "string"`}},
		{name: "field renumbered", reason: "the bytes would be misread",
			old: "cost = 2", new: "cost = 3",
			want: []string{breaks, `Previously present field "2" with name "cost"`}},
		{name: "field renamed", reason: "JSON is spoken too",
			old: "cost = 2", new: "price = 2",
			want: []string{breaks, `changed name from "cost" to "price"`}},
		{name: "source does not compile", reason: "buf is the first who can tell",
			old: "int64 cost", new: "Cost cost",
			want: []string{breaks, "  source/throttlekit.proto:4:"}},
		{name: "vendored does not compile", reason: "the message says which of the two it is",
			older: "message {", want: []string{breaks, "  vendored/throttlekit.proto:1:"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			older, newer := proto, strings.ReplaceAll(proto, tt.old, tt.new)
			if tt.old == "" {
				newer = proto
			}
			if tt.older != "" {
				older = tt.older
			}
			err := Check(t.Context(), t.TempDir(), []byte(older), []byte(newer))
			if len(tt.want) == 0 && err != nil {
				t.Errorf("got %v, want nil", err)
			}
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want it to say %q", err, want)
				}
			}
		})
	}
}

// The way that this project's own repository takes. It builds buf, which takes a minute
// the first time.
func TestCheckPinned(t *testing.T) {
	if os.Getenv(requireVariable) != "1" {
		t.Skipf("builds buf: runs with %s=1", requireVariable)
	}
	dir := t.TempDir()
	write(t, dir, "go.mod", "module example.com/repository\n\ngo 1.25.0\n")
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join("..", "..", "..", "buf", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, "tools/buf/"+name, string(data))
	}
	hideBuf(t) // so that it cannot be the one on PATH
	if err := Check(t.Context(), dir, []byte(proto), []byte(proto+"message More {}\n")); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	err := Check(t.Context(), dir, []byte(proto), []byte(strings.ReplaceAll(proto, "cost = 2", "cost = 3")))
	want := `Previously present field "2" with name "cost"`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want it to say %q", err, want)
	}
}

func TestCheckWithoutBuf(t *testing.T) {
	t.Setenv("PATH", "")
	err := Check(t.Context(), t.TempDir(), []byte(proto), []byte(proto))
	want := "the proto changed, and nothing here can prove that it breaks nobody: there is neither tools/buf/go.mod nor a buf on PATH; install buf (https://buf.build/docs/cli/installation)"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestCheckWithABufThatDoesNotRun(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "go.mod", "module example.com/repository\n\ngo 1.25.0\n")
	write(t, dir, "tools/buf/go.mod", "module example.com/repository/tools/buf\n\ngo 1.25.0\n")
	hideBuf(t)
	err := Check(t.Context(), dir, []byte(proto), []byte(proto))
	want := "the proto changed, and nothing here can prove that it breaks nobody: go tool failed: exit status "
	if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), `no such tool "buf"`) {
		t.Errorf("got %v, want it to begin with %q and to repeat what go says", err, want)
	}
}

// hideBuf takes every folder with a buf off PATH.
func hideBuf(t *testing.T) {
	t.Helper()
	dirs := slices.DeleteFunc(filepath.SplitList(os.Getenv("PATH")), func(dir string) bool {
		_, err := exec.LookPath(filepath.Join(dir, "buf"))
		return err == nil
	})
	t.Setenv("PATH", strings.Join(dirs, string(filepath.ListSeparator)))
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("go and buf share a folder of PATH")
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
