package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBadSourceLeavesTheTargetAlone(t *testing.T) {
	last := "wire/scripts/brook.check.lua"
	for _, tt := range []struct {
		name, reason string
		edit         func(f *fixture)
		files        func(files map[string]string)
		want         string
	}{
		{"no contract", "a wrong folder is the likeliest mistake", nil,
			func(files map[string]string) { clear(files) },
			"holds no contract: looked for wire/scripts/manifest.json (a core checkout) and contract/manifest.json (a vendored contract)"},
		{"two contracts", "which of them is meant must not be guessed", nil,
			func(files map[string]string) { files["contract/manifest.json"] = "{}" },
			"holds two contracts, wire/scripts/manifest.json of a core checkout and a vendored contract/manifest.json: want one of them"},
		{"sum of the last script", "everything else was right, and still nothing may be written", nil,
			func(files map[string]string) { files[last] = "return 0" },
			`wire/scripts/manifest.json: script brook.check: sha256 is "` + hash(newFixture().scripts[2].text) + `", but ` + last + " hashes to " + hash("return 0") + ": one of the two was changed alone"},
		{"line ends", "git or an editor may have munged them", nil,
			func(files map[string]string) {
				files["wire/scripts/pond.check.lua"] = strings.ReplaceAll(files["wire/scripts/pond.check.lua"], "\r\n", "\n")
			},
			`wire/scripts/manifest.json: script pond.check: sha256 is "` + hash(newFixture().scripts[1].text) + `", but wire/scripts/pond.check.lua hashes to ` +
				hash(strings.ReplaceAll(newFixture().scripts[1].text, "\r\n", "\n")) + ": one of the two was changed alone"},
		{"script missing", "the manifest names more than there is", nil,
			func(files map[string]string) { delete(files, last) },
			"wire/scripts/manifest.json: script brook.check: wire/scripts/brook.check.lua does not exist"},
		{"proto missing", "the layout is known by its manifest alone", nil,
			func(files map[string]string) { delete(files, "wire/throttlekit.proto") },
			"wire/throttlekit.proto does not exist"},
		{"proto cut off", "a download that ended early", nil,
			func(files map[string]string) { files["wire/throttlekit.proto"] = fixtureProto[:len(fixtureProto)-3] },
			"wire/throttlekit.proto: line 9: a statement is never closed"},
		{"proto of nothing", "a saved error page has no rpc", nil,
			func(files map[string]string) { files["wire/throttlekit.proto"] = "" },
			"wire/throttlekit.proto: declares no rpc: this is no service contract"},
		{"vectors missing", "nothing would prove the scripts", nil,
			func(files map[string]string) { delete(files, "wire/vectors/golden-vectors.json") },
			"wire/vectors/golden-vectors.json does not exist"},
		{"vectors no JSON", "cut off", nil,
			func(files map[string]string) { files["wire/vectors/golden-vectors.json"] = "{" },
			"wire/vectors/golden-vectors.json: golden vectors: unexpected end of JSON input"},
		{"vectors of nobody", "the lock records who made them",
			func(f *fixture) { f.vectorsFrom = "" }, nil,
			"wire/vectors/golden-vectors.json: generatedFrom is missing: want the producer, as name@version"},
		{"vectors of another version", "they would prove other scripts", nil,
			func(files map[string]string) {
				f := newFixture()
				f.version = "2"
				files["wire/vectors/golden-vectors.json"] = f.vectors()
			},
			`wire/vectors/golden-vectors.json: contractVersion is "2", and the manifest's is "1": the two are not of one release`},
		{"manifest no JSON", "the line is said", nil,
			func(files map[string]string) { files["wire/scripts/manifest.json"] = "{\n  oops" },
			"wire/scripts/manifest.json: line 2: not JSON: invalid character 'o' looking for beginning of object key string"},
		{"manifest of another shape", "JSON and no manifest", nil,
			func(files map[string]string) { files["wire/scripts/manifest.json"] = "[]" },
			"wire/scripts/manifest.json: not a manifest: json: cannot unmarshal array into Go value of type contract.Manifest"},
		{"manifest empty", "each missing thing is said at once", nil,
			func(files map[string]string) { files["wire/scripts/manifest.json"] = "{}" },
			`wire/scripts/manifest.json: contractVersion is missing
generatedFrom is missing: want the producer, as name@version
scripts is empty, want at least one
wire/vectors/golden-vectors.json: contractVersion is "1", and the manifest's is "": the two are not of one release`},
		{"two scripts of one name", "one would hide the other",
			func(f *fixture) { f.scripts[1].Name = "leaky.check" }, nil,
			"wire/scripts/manifest.json: two scripts are named leaky.check"},
		{"nameless script", "changes could not be told",
			func(f *fixture) { f.scripts[1].Name = "" }, nil,
			"wire/scripts/manifest.json: scripts[1]: name is missing"},
		{"path out of the source", "a manifest must not read the machine",
			func(f *fixture) { f.scripts[1].File = "../../../etc/passwd" }, nil,
			`wire/scripts/manifest.json: script pond.check: file is "../../../etc/passwd", want the plain name of a file beside the others`},
		{"path with a backslash", "it is a separator on Windows",
			func(f *fixture) { f.scripts[1].File = `..\pond.lua` }, nil,
			`wire/scripts/manifest.json: script pond.check: file is "..\\pond.lua", want the plain name of a file beside the others`},
		{"files that differ by case", "they are one file on some systems",
			func(f *fixture) { f.scripts[1].File = "LEAKY.check.lua" }, nil,
			"wire/scripts/manifest.json: script pond.check: file LEAKY.check.lua differs from leaky.check.lua only by case"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture()
			if tt.edit != nil {
				tt.edit(&f)
			}
			files := f.core(t)
			delete(files, "wire/scripts/../../../etc/passwd")
			if tt.files != nil {
				tt.files(files)
			}
			source, into := folderOf(t, files), vendoredFolder(t, newFixture())
			before := tree(t, into)
			got := contractsync(t, "--source", source, "--into", into, "--allow-breaking")
			want := result{1, "", "contractsync: --source " + source + ": " + tt.want + "\n"}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			wantUntouched(t, into, before)
		})
	}
}

func TestSourceThatIsNoFolder(t *testing.T) {
	source := filepath.Join(t.TempDir(), "nowhere")
	r := contractsync(t, "--source", source, "--into", t.TempDir())
	if r.code != 1 || !strings.HasPrefix(r.stderr, "contractsync: --source "+source+": ") || !strings.Contains(r.stderr, "no such file") {
		t.Errorf("exit code %d, %q", r.code, r.stderr)
	}
}

func TestLinksOutOfTheSourceAreNotFollowed(t *testing.T) {
	f := newFixture()
	source, into := folderOf(t, f.core(t)), t.TempDir()
	outside := filepath.Join(t.TempDir(), "pond.lua")
	if err := os.WriteFile(outside, []byte(f.scripts[1].text), 0o644); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(source, "wire", "scripts", "pond.check.lua")
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, link); err != nil {
		t.Skipf("this system makes no links: %v", err)
	}
	got := contractsync(t, "--source", source, "--into", into)
	want := "contractsync: --source " + source + ": wire/scripts/manifest.json: script pond.check: " +
		"wire/scripts/pond.check.lua cannot be read: path escapes from parent\n"
	if got.code != 1 || got.stderr != want {
		t.Errorf("exit code %d, %q, want %q", got.code, got.stderr, want)
	}
	wantUntouched(t, into, map[string]string{})
}

func TestSourceLockMustAgree(t *testing.T) {
	source, into := vendoredFolder(t, newFixture()), t.TempDir()
	must(t, "--source", source, "--into", into) // it agrees so far

	f := newFixture()
	f.scripts[0] = script("leaky.check", "leaky", "return {0,0,0,0,0}", "now", "slots", "cost")
	for name, text := range f.vendored(t) {
		put(t, source, name, text)
	}
	before := tree(t, into)
	got := contractsync(t, "--source", source, "--into", into)
	want := "contractsync: --source " + source + `: contract/contract.lock disagrees with the files beside it:
  altered: contract/manifest.json
  altered: contract/scripts/leaky.check.lua
put the files back, or renew the lock with go run github.com/throttlekit/throttlekit-go/tools/contractsync --source . --into . there
`
	if diff := cmp.Diff(want, got.stderr); got.code != 1 || diff != "" {
		t.Errorf("exit code %d (-want +got):\n%s", got.code, diff)
	}
	wantUntouched(t, into, before)

	put(t, source, "contract/contract.lock", "<<<<<<< a merge")
	got = contractsync(t, "--source", source, "--into", into)
	if want := "contract/contract.lock cannot be read: invalid character '<' looking for beginning of value\n"; got.code != 1 || !strings.HasSuffix(got.stderr, want) {
		t.Errorf("exit code %d, %q, want it to end in %q", got.code, got.stderr, want)
	}
	wantUntouched(t, into, before)
}

func TestRefusals(t *testing.T) {
	version2 := func(f *fixture) { f.version = "2" }
	for _, tt := range []struct {
		name, reason string
		edit         func(f *fixture)
		vendored     map[string]string // put over the vendored files
		want         string
	}{
		{"another contractVersion", "the wire may mean something else", version2, nil,
			`the source's contractVersion is "2" and the vendored one is "1"`},
		{"vendored manifest damaged", "its version cannot be compared", nil,
			map[string]string{"contract/manifest.json": "{"},
			"the vendored contract does not say its contractVersion: contract/manifest.json: line 1: not JSON: unexpected end of JSON input"},
		{"vendored manifest says nothing", "its version cannot be compared", nil,
			map[string]string{"contract/manifest.json": "{}"},
			"the vendored contract does not say its contractVersion: contract/manifest.json: contractVersion is missing"},
		{"proto changed, no buf", "nothing can prove that it breaks nobody",
			func(f *fixture) { f.proto = strings.Replace(f.proto, "cost = 2;", "cost = 2; bool dry = 3;", 1) }, nil,
			"the proto changed, and nothing here can prove that it breaks nobody: there is neither tools/buf/go.mod nor a buf on PATH; install buf (https://buf.build/docs/cli/installation)"},
		{"both", "whoever has to decide should know all of it",
			func(f *fixture) { version2(f); f.proto = strings.Replace(f.proto, "int64 cost = 2;", "", 1) }, nil,
			`the source's contractVersion is "2" and the vendored one is "1"
the proto changed, and nothing here can prove that it breaks nobody: there is neither tools/buf/go.mod nor a buf on PATH; install buf (https://buf.build/docs/cli/installation)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("PATH", "")
			into := vendoredFolder(t, newFixture())
			for name, text := range tt.vendored {
				put(t, into, name, text)
			}
			f := newFixture()
			if tt.edit != nil {
				tt.edit(&f)
			}
			source := folderOf(t, f.core(t))
			before := tree(t, into)
			got := contractsync(t, "--source", source, "--into", into)
			want := result{1, "", "contractsync: refused, nothing was written:\n" + tt.want + "\n--allow-breaking takes it over all the same\n"}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			wantUntouched(t, into, before)

			must(t, "--source", source, "--into", into, "--allow-breaking")
			files := tree(t, into)
			delete(files, "contract/contract.lock")
			if want := f.vendored(t); !maps.Equal(want, files) {
				t.Errorf("files after --allow-breaking (-want +got):\n%s", cmp.Diff(want, files))
			}
		})
	}
}

func TestUsage(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		args         []string
		code         int
		want         string
	}{
		{"nothing", "the source has no default", nil, 2, "contractsync: --source is missing: want the folder that holds the contract\n"},
		{"argument", "a folder given without its flag", []string{"--source", "a", "b"}, 2, "contractsync: unexpected argument \"b\"\n"},
		{"empty into", "an unset variable in a script", []string{"--source", "a", "--into", ""}, 2, "contractsync: --into is empty: want the folder to vendor into, or leave it out for this one\n"},
		{"unknown flag", "a slip of the pen", []string{"--sauce"}, 2, "flag provided but not defined: -sauce\n"},
		{"help", "asked for, and so no mistake", []string{"--help"}, 0, "Usage of contractsync:\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := contractsync(t, tt.args...)
			if got.code != tt.code || !strings.HasPrefix(got.stderr, tt.want) || !strings.Contains(got.stderr, "-allow-breaking") {
				t.Errorf("exit code %d, want %d; %q, want it to begin with %q and to list the flags", got.code, tt.code, got.stderr, tt.want)
			}
		})
	}
}
