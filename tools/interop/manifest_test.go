package main

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
)

func ourManifest(t *testing.T) manifest {
	t.Helper()
	data, err := os.ReadFile("../../contract/manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestFacts(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*manifest)
		want   []string // what differs
	}{
		{"a copy says the same", func(*manifest) {}, nil},
		{"texts may differ", func(m *manifest) {
			m.GeneratedFrom = "another@1"
			m.Scripts[0].SHA256, m.Scripts[0].File = "00", "other.lua"
		}, nil},
		{"so may the order of scripts", func(m *manifest) { slices.Reverse(m.Scripts) }, nil},
		{"the order of ARGV may not", func(m *manifest) { slices.Reverse(m.Scripts[0].Argv) }, []string{ourManifest(t).Scripts[0].Name}},
		{"nor the reply's", func(m *manifest) { slices.Reverse(m.ReplyTuple) }, []string{"replyTuple"}},
		{"nor a role", func(m *manifest) { m.Scripts[1].Role = "write" }, []string{ourManifest(t).Scripts[1].Name}},
		{"nor the keys", func(m *manifest) { m.Scripts[0].Keys = []string{"key", "other"} }, []string{ourManifest(t).Scripts[0].Name}},
		{"nor the version", func(m *manifest) { m.ContractVersion = "2" }, []string{"contractVersion"}},
		{"a script that they lack", func(m *manifest) { m.Scripts = m.Scripts[1:] }, []string{ourManifest(t).Scripts[0].Name}},
		{"a script that we lack", func(m *manifest) {
			m.Scripts = append(m.Scripts, manifestEntry{Name: "sixth.check"})
		}, []string{"sixth.check"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			other := ourManifest(t)
			row.change(&other)
			var differ []string
			for _, f := range facts(ourManifest(t), other) {
				if f.ours != f.theirs {
					differ = append(differ, f.what)
				}
			}
			if !slices.Equal(differ, row.want) {
				t.Errorf("these differ: %q, want %q", differ, row.want)
			}
		})
	}
}

func TestByTuple(t *testing.T) {
	tuple := ourManifest(t).ReplyTuple
	turned := slices.Clone(tuple)
	slices.Reverse(turned)
	for _, row := range []struct {
		name  string
		tuple []string
		reply any
		want  decision
		ok    bool
	}{
		{"in the contract's order", tuple, []any{1.0, 5.0, 4.0, 1100.0, 0.0}, decision{true, 5, 4, 1100, 0}, true},
		{"in another", turned, []any{0.0, 1100.0, 4.0, 5.0, 1.0}, decision{true, 5, 4, 1100, 0}, true},
		{"only 1 is allowed", tuple, []any{2.0, 5.0, 4.0, 1100.0, 0.0}, decision{false, 5, 4, 1100, 0}, true},
		{"a fraction is none of Redis's", tuple, []any{1.0, 5.0, 4.5, 1100.0, 0.0}, decision{}, false},
		{"too few", tuple, []any{1.0}, decision{}, false},
		{"text", tuple, "OK", decision{}, false},
	} {
		got, err := byTuple(row.tuple, row.reply)
		if (err == nil) != row.ok || got != row.want {
			t.Errorf("%s: got %v, %v; want %v, ok %t", row.name, got, err, row.want, row.ok)
		}
	}
}
