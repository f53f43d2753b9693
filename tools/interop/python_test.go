package main

import (
	"bytes"
	"errors"
	"flag"
	"slices"
	"strings"
	"testing"
)

func TestAvailableVersions(t *testing.T) {
	for _, row := range []struct {
		name, out string
		want      []string
	}{
		{"as pip prints it", "throttlekit-py (0.5.1)\nAvailable versions: 0.5.1, 0.5.0, 0.1.0\n", []string{"0.5.1", "0.5.0", "0.1.0"}},
		{"followed by what is installed", "x (2)\nAvailable versions: 2\n  INSTALLED: 1\n", []string{"2"}},
		{"nothing known", "ERROR: No matching distribution found\n", nil},
	} {
		if got := availableVersions(row.out); !slices.Equal(got, row.want) {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

func TestChoose(t *testing.T) {
	offered := []string{"0.5.1", "0.5.0", "0.1.0"}
	for _, row := range []struct {
		name         string
		wanted, want []string
	}{
		{"the ends", []string{"newest", "oldest"}, []string{"0.5.1", "0.1.0"}},
		{"one that is named", []string{"0.5.0"}, []string{"0.5.0"}},
		{"each once", []string{"newest", "0.5.1"}, []string{"0.5.1"}},
		{"one that was never published", []string{"newest", "9.9"}, nil},
	} {
		got, err := choose(offered, row.wanted)
		if !slices.Equal(got, row.want) || (err == nil) != (row.want != nil) {
			t.Errorf("%s: got %q, %v; want %q", row.name, got, err, row.want)
		}
	}
}

func TestParse(t *testing.T) {
	for _, row := range []struct {
		name    string
		args    []string
		problem string // what the error holds; "" for none
	}{
		{"all by itself", nil, ""},
		{"versions and a cache", []string{"--versions", "newest, 0.5.0", "--cache", "venvs"}, ""},
		{"an argument", []string{"newest"}, `unexpected argument "newest"`},
		{"no version", []string{"--versions", " ,"}, "--versions names no version"},
		{"too few operations for one timeline", []string{"--ops", "10"}, "--ops is 10, want 50 or more"},
		{"an unknown flag", []string{"--online"}, "-online"},
	} {
		o, err := parse(row.args, &bytes.Buffer{})
		if row.problem == "" {
			if err != nil || len(o.versions) != 2 || o.versions[0] != "newest" {
				t.Errorf("%s: got %+v, %v", row.name, o, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), row.problem) {
			t.Errorf("%s: got %v, want %q", row.name, err, row.problem)
		}
	}
	if _, err := parse([]string{"--help"}, &bytes.Buffer{}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("--help gives %v", err)
	}
}

func TestCommandSaysWhyThereIsNoAnswer(t *testing.T) {
	var out, complaints bytes.Buffer
	if code := command(t.Context(), []string{"--ops", "1"}, &out, &complaints); code != exitFault {
		t.Errorf("exit code %d, want %d", code, exitFault)
	}
	if out.Len() > 0 || !strings.HasPrefix(complaints.String(), "interop: --ops is 1") {
		t.Errorf("stdout %q, stderr %q", &out, &complaints)
	}
}

// TestPipLeavesNothingBehind: the run may depend on nothing that an earlier one left.
func TestPipLeavesNothingBehind(t *testing.T) {
	args := pip("install", "x")
	for _, want := range []string{"--no-cache-dir", "--no-input", "--timeout", "--only-binary"} {
		if !slices.Contains(args, want) {
			t.Errorf("pip runs without %s: %q", want, args)
		}
	}
	if i := slices.Index(args, "install"); args[len(args)-1] != "x" || i < slices.Index(args, "pip") {
		t.Errorf("the command is in the wrong place: %q", args)
	}
}
