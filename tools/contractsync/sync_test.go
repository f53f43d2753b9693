package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFirstSyncCopiesEveryByte(t *testing.T) {
	f := newFixture()
	for _, tt := range []struct {
		name, reason string
		source       map[string]string
	}{
		{"core checkout", "what a sync usually reads", f.core(t)},
		{"vendored contract", "a repository that vendored it is a source too", f.vendored(t)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			into := filepath.Join(t.TempDir(), "not", "there", "yet")
			got := must(t, "--source", folderOf(t, tt.source), "--into", into)
			want := `first sync: contractVersion 1, scripts: 3, strategies: 3, rpcs: 1, messages: 2, enums: 1, vector suites: 1
generatedFrom: core@1.0.0
files: 7 written, 0 removed
`
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
			files := tree(t, into)
			lock := files["contract/contract.lock"]
			delete(files, "contract/contract.lock")
			if diff := cmp.Diff(f.vendored(t), files); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			wantLock(t, lock, "core@1.0.0", "core@1.0.0", f.vendored(t))
		})
	}
}

// wantLock reads the lock as anybody would, not with the code that wrote it.
func wantLock(t *testing.T, lock, manifestFrom, vectorsFrom string, files map[string]string) {
	t.Helper()
	sums := map[string]any{}
	for name, text := range files {
		sums[name] = hash(text)
	}
	want := map[string]any{
		"contractVersion": "1",
		"generatedFrom":   map[string]any{"manifest": manifestFrom, "vectors": vectorsFrom},
		"files":           sums,
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(lock), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lock (-want +got):\n%s", diff)
	}
}

func TestLockNamesBothProducers(t *testing.T) {
	f := newFixture()
	f.vectorsFrom = "core@0.9.0"
	into := t.TempDir()
	out := must(t, "--source", folderOf(t, f.core(t)), "--into", into)
	if want := "generatedFrom: core@1.0.0, vectors core@0.9.0\n"; !strings.Contains(out, want) {
		t.Errorf("output lacks %q:\n%s", want, out)
	}
	wantLock(t, tree(t, into)["contract/contract.lock"], "core@1.0.0", "core@0.9.0", f.vendored(t))
}

func TestSecondSyncTouchesNothing(t *testing.T) {
	source, into := folderOf(t, newFixture().core(t)), t.TempDir()
	must(t, "--source", source, "--into", into)
	long := time.Now().Add(-time.Hour).Truncate(time.Second)
	for name := range tree(t, into) {
		if err := os.Chtimes(filepath.Join(into, name), long, long); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{}, {"--check"}, {"-allow-breaking"}} {
		got := must(t, append([]string{"-source", source, "-into", into}, args...)...)
		want := "nothing changed: contractVersion 1, scripts: 3, strategies: 3, rpcs: 1, messages: 2, enums: 1, vector suites: 1\n"
		if got != want {
			t.Errorf("%q: got %q, want %q", args, got, want)
		}
	}
	for name := range tree(t, into) {
		info, err := os.Stat(filepath.Join(into, name))
		if err != nil {
			t.Fatal(err)
		}
		if !info.ModTime().Equal(long) {
			t.Errorf("%s was written again", name)
		}
	}
}

func TestSyncSaysWhatChanged(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		edit         func(*fixture)
		want         string
	}{
		{"strategy more", "the everyday reason to sync", func(f *fixture) {
			f.scripts = append(f.scripts, script("river.check", "river", "return 1", "now", "cost"))
			f.from, f.vectorsFrom, f.suites = "core@1.1.0", "core@1.1.0", 3
		}, `generatedFrom: core@1.1.0 (was core@1.0.0)
scripts: added river.check
strategies: added river
vectors: 3 suites (were 1)
files: 4 written, 0 removed
`},
		{"strategy less", "its script must not stay behind", func(f *fixture) {
			f.scripts = f.scripts[1:]
		}, `scripts: removed leaky.check
strategies: removed leaky
files: 2 written, 1 removed
`},
		{"argv in another order", "no script file differs, and yet everything does", func(f *fixture) {
			f.scripts[0].Argv = []string{"now", "cost", "slots"}
		}, `scripts: altered leaky.check
strategies: altered leaky
files: 2 written, 0 removed
`},
		{"script text", "the manifest changes by its sum alone", func(f *fixture) {
			f.scripts[1] = script("pond.check", "pond", "return {1,1,1,1,0}", "now", "depth", "cost")
		}, `scripts: altered pond.check
strategies: altered pond
files: 3 written, 0 removed
`},
		{"reply in another order", "every decoder changes, though no script does", func(f *fixture) {
			f.replyTuple = []string{"limit", "allowed", "remaining", "resetAt", "retryAfterMs"}
		}, `replyTuple: limit, allowed, remaining, resetAt, retryAfterMs (was allowed, limit, remaining, resetAt, retryAfterMs)
files: 2 written, 0 removed
`},
		{"a sentence of the manifest", "nothing that has a line of its own", func(f *fixture) {
			f.nowArgv = "the instant, in epoch milliseconds"
		}, `manifest: altered in other fields, their order or spacing
files: 2 written, 0 removed
`},
		{"vectors alone", "as many suites, other replies", func(f *fixture) {
			f.vectorsFrom = "core@1.0.1"
		}, `generatedFrom: core@1.0.0, vectors core@1.0.1 (was core@1.0.0)
vectors: altered, 1 suites as before
files: 2 written, 0 removed
`},
		{"comments of the proto", "declares the same, so buf is not needed", func(f *fixture) {
			f.proto = strings.ReplaceAll(f.proto, "// Asks.", "/* Asks\nagain. */")
		}, `proto: altered in comments or spacing only
files: 2 written, 0 removed
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("PATH", "") // none of these may need buf
			into := vendoredFolder(t, newFixture())
			f := newFixture()
			tt.edit(&f)
			got := must(t, "--source", folderOf(t, f.core(t)), "--into", into)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
			files := tree(t, into)
			delete(files, "contract/contract.lock")
			if diff := cmp.Diff(f.vendored(t), files); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOrphansAreScriptsAlone(t *testing.T) {
	source, into := folderOf(t, newFixture().core(t)), vendoredFolder(t, newFixture())
	put(t, into, "contract/scripts/old.lua", "return 1")
	put(t, into, "contract/scripts/README.md", "somebody's own")
	put(t, into, "contract/scripts/deep/er.lua", "somebody's own")
	put(t, into, "contract/notes.lua", "somebody's own")
	want := tree(t, into)
	delete(want, "contract/scripts/old.lua")

	r := contractsync(t, "--check", "--source", source, "--into", into)
	if r.code != 1 || r.stdout != "orphan: contract/scripts/old.lua\n" {
		t.Errorf("--check: exit code %d, output %q", r.code, r.stdout)
	}
	if got := must(t, "--source", source, "--into", into); got != "files: 0 written, 1 removed\n" {
		t.Errorf("output %q", got)
	}
	if got := tree(t, into); !maps.Equal(got, want) {
		t.Errorf("files (-want +got):\n%s", cmp.Diff(want, got))
	}
}

func TestCheckWritesNothing(t *testing.T) {
	source, into := folderOf(t, newFixture().core(t)), vendoredFolder(t, newFixture())
	put(t, into, "contract/scripts/leaky.check.lua", "return 'edited'")
	put(t, into, "contract/scripts/old.lua", "")
	if err := os.Remove(filepath.Join(into, "contract", "golden-vectors.json")); err != nil {
		t.Fatal(err)
	}
	before := tree(t, into)
	want := result{1, `generatedFrom: core@1.0.0 (was core@1.0.0, vectors unknown)
scripts: altered leaky.check
strategies: altered leaky
vectors: 1 suites (were 0)
missing: contract/golden-vectors.json
differs: contract/scripts/leaky.check.lua
orphan: contract/scripts/old.lua
`, "contractsync: " + into + " is not what a sync from " + source + " would make it; run: " +
		"go run github.com/throttlekit/throttlekit-go/tools/contractsync --source " + source + " --into " + into + "\n"}
	got := contractsync(t, "--source", source, "--into", into, "--check")
	if diff := cmp.Diff(want.stdout, got.stdout); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	if got.code != want.code || got.stderr != want.stderr {
		t.Errorf("got exit code %d and %q, want %d and %q", got.code, got.stderr, want.code, want.stderr)
	}
	wantUntouched(t, into, before)

	nowhere := filepath.Join(into, "nowhere")
	if r := contractsync(t, "--source", source, "--into", nowhere, "--check"); r.code != 1 {
		t.Errorf("--check of a folder that does not exist: exit code %d, want 1", r.code)
	}
	wantUntouched(t, into, before)
}

func TestMendingCommandCanBePasted(t *testing.T) {
	source := folderOf(t, newFixture().core(t))
	into := filepath.Join(t.TempDir(), "Bob's limits")
	got := contractsync(t, "--source", source, "--into", into, "--check")
	want := " --source " + source + " --into '" + filepath.Dir(into) + `/Bob'\''s limits'` + "\n"
	if got.code != 1 || !strings.HasSuffix(got.stderr, want) {
		t.Errorf("exit code %d, %q, want it to end in %q", got.code, got.stderr, want)
	}
}
