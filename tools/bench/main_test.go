package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/throttlekit/throttlekit-go/tools/bench/internal/contest"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/needs"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/results"
)

// TestMain has the test's binary stand in for the command's when it starts itself.
func TestMain(m *testing.M) {
	if slices.Equal(os.Args[1:], []string{echoCommand}) {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestRun holds a whole contest with each contender, if for moments only.
func TestRun(t *testing.T) {
	needs.Redis(t)
	const only = "^Check/goroutines=8/|^Lone/|^Strategy/.*/goroutines=64/|^Many/|^Service/goroutines=64/|^Local/"
	dir := t.TempDir()
	var out bytes.Buffer
	if err := command(t.Context(), []string{"-rounds", "1", "-time", "4ms", "-only", only, "-out", dir}, &out, t.Output()); err != nil {
		t.Fatal(err)
	}
	raw, err := os.Open(filepath.Join(dir, rawFile))
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	measured, err := results.Read(raw, rawFile)
	if err != nil {
		t.Fatal(err)
	}
	matches := 0
	for _, m := range contest.All() {
		names := measured.Contenders(m.Name)
		if names == nil {
			continue
		}
		matches++
		for _, c := range m.Contenders {
			if !slices.Contains(names, c.Name) {
				t.Errorf("%s was not measured in %s", c.Name, m.Name)
			}
		}
	}
	if want := 1 + 2 + 5 + 3 + 1 + 2; matches != want {
		t.Errorf("%d matches were held, want %d", matches, want)
	}
	if cpu, peers := measured.Fact("cores"), measured.Fact("peers"); cpu == "" || !strings.Contains(peers, "github.com/redis/rueidis v1.") {
		t.Errorf("the facts are %+v", measured.Facts)
	}
	markdown, err := os.ReadFile(filepath.Join(dir, markdownFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{out.String(), string(markdown)} {
		for _, want := range []string{"### 8 goroutines", "| redis-benchmark-p64", "| Lone, context watched", "| ulule-memory ", "## Goals"} {
			if !strings.Contains(text, want) {
				t.Errorf("a report has no %q:\n%s", want, text)
			}
		}
	}
	svg, err := os.ReadFile(filepath.Join(dir, pictureFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := wellFormed(svg); err != nil {
		t.Errorf("the picture: %v", err)
	}
}

func wellFormed(document []byte) error {
	d := xml.NewDecoder(bytes.NewReader(document))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func TestUsage(t *testing.T) {
	for _, row := range []struct {
		name      string
		args      []string
		complaint string
	}{
		{"an unknown command", []string{"paint"}, `there is no "paint"`},
		{"no rounds", []string{"-rounds", "0"}, "-rounds of 1 or more"},
		{"an argument too many", []string{"-time", "1ms", "fused"}, "no arguments"},
		{"a pattern that is none", []string{"-only", "("}, "-only: "},
		{"nothing to compare with", []string{"compare"}, "-base REF"},
		{"nothing to report of", []string{"report", "-out", "nowhere"}, "nowhere"},
		{"an unknown flag", []string{"-fast"}, "bad usage"},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := command(t.Context(), row.args, io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), row.complaint) {
				t.Errorf("the error is %v, want one that says %q", err, row.complaint)
			}
		})
	}
}
