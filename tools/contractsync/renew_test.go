package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRenewTheLockAfterEditing(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		edit         func(f *fixture)
		want         string
	}{
		{"a script", "the manifest is edited with it",
			func(f *fixture) {
				f.scripts[0] = script("leaky.check", "leaky", "return 1", "now", "slots", "cost")
			},
			"altered: contract/manifest.json\naltered: contract/scripts/leaky.check.lua\nfiles: 1 written, 0 removed\n"},
		{"a script more", "the lock learns of it",
			func(f *fixture) {
				f.scripts = append(f.scripts, script("river.check", "river", "return 1", "now", "cost"))
			},
			"altered: contract/manifest.json\nadded: contract/scripts/river.check.lua\nfiles: 1 written, 0 removed\n"},
		{"the producers", "both are in the lock",
			func(f *fixture) { f.from, f.vectorsFrom = "ours@2", "ours@3" },
			"generatedFrom of the manifest: ours@2 (was core@1.0.0)\ngeneratedFrom of the vectors: ours@3 (was core@1.0.0)\n" +
				"altered: contract/golden-vectors.json\naltered: contract/manifest.json\nfiles: 1 written, 0 removed\n"},
		{"the proto", "what it was is gone, which is said",
			func(f *fixture) { f.proto += "message More {}\n" },
			"altered: proto/throttlekit/v1/throttlekit.proto\n" +
				"the proto is not held against its former text, which a lock does not know; buf breaking --against '.git#branch=main' does that\n" +
				"files: 1 written, 0 removed\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("PATH", "")
			dir := vendoredFolder(t, newFixture())
			f := newFixture()
			tt.edit(&f)
			for name, text := range f.vendored(t) {
				put(t, dir, name, text)
			}
			if r := contractsync(t, "--source", dir, "--into", dir, "--check"); r.code != 1 {
				t.Errorf("--check: exit code %d, want 1", r.code)
			}
			// The same folder by another name.
			if diff := cmp.Diff(tt.want, must(t, "--source", filepath.Join(dir, "contract", ".."), "--into", dir)); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
			must(t, "--source", dir, "--into", dir, "--check")
			must(t, "--source", dir, "--into", t.TempDir()) // its lock is good again
		})
	}
}

func TestRenewRemovesNothing(t *testing.T) {
	dir := vendoredFolder(t, newFixture())
	put(t, dir, "contract/scripts/just-written.lua", "return 1")
	before := tree(t, dir)
	for _, check := range []string{"--check=false", "--check"} {
		got := contractsync(t, "--source", dir, "--into", dir, check, "--allow-breaking")
		want := result{1, "", "contractsync: contract/scripts/just-written.lua is in no entry of contract/manifest.json: name it there, or remove the file\n"}
		if got != want {
			t.Errorf("%s: got %+v, want %+v", check, got, want)
		}
	}
	wantUntouched(t, dir, before)
}

func TestRenewHoldsOnToTheVersion(t *testing.T) {
	dir := vendoredFolder(t, newFixture())
	f := newFixture()
	f.version = "2"
	for name, text := range f.vendored(t) {
		put(t, dir, name, text)
	}
	got := contractsync(t, "--source", dir, "--into", dir)
	want := result{1, "", "contractsync: refused, nothing was written:\n" +
		"the source's contractVersion is \"2\" and the vendored one is \"1\"\n--allow-breaking takes it over all the same\n"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	out := must(t, "--source", dir, "--into", dir, "--allow-breaking")
	if want := "contractVersion: 2 (was 1)\naltered: contract/golden-vectors.json\naltered: contract/manifest.json\nfiles: 1 written, 0 removed\n"; out != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

func TestRenewWithoutAReadableLock(t *testing.T) {
	dir := folderOf(t, newFixture().vendored(t))
	want := "first lock: contractVersion 1, scripts: 3, strategies: 3, rpcs: 1, messages: 2, enums: 1, vector suites: 1\nfiles: 1 written, 0 removed\n"
	if got := must(t, "--source", dir, "--into", dir); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	put(t, dir, "contract/contract.lock", "<<<<<<< a merge")
	got := contractsync(t, "--source", dir, "--into", dir)
	if want := (result{1, "", "contractsync: refused, nothing was written:\n" +
		"contract/contract.lock cannot be read: invalid character '<' looking for beginning of value\n--allow-breaking takes it over all the same\n"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	must(t, "--source", dir, "--into", dir, "--allow-breaking")
	must(t, "--source", dir, "--into", dir, "--check")
}

func TestCoreCheckoutIsNoPlaceToVendorInto(t *testing.T) {
	dir := folderOf(t, newFixture().core(t))
	before := tree(t, dir)
	got := contractsync(t, "--source", dir, "--into", dir)
	want := "contractsync: --source " + dir + ": is a core checkout and --into is the same folder: name the folder to vendor into\n"
	if got.code != 1 || got.stderr != want {
		t.Errorf("exit code %d, %q, want %q", got.code, got.stderr, want)
	}
	wantUntouched(t, dir, before)
}

// The contract of this repository is the one thing here that is not the test's own.
func TestOwnLockIsInStep(t *testing.T) {
	root := filepath.Join("..", "..")
	if _, err := os.Stat(filepath.Join(root, "contract", "contract.lock")); err != nil {
		t.Fatalf("%v; write it with: %s --source .", err, command)
	}
	if r := contractsync(t, "--source", root, "--into", root, "--check"); r.code != 0 {
		t.Errorf("contract.lock is not in step with the contract:\n%s%s", r.stdout, r.stderr)
	}
}
