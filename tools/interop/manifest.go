package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// manifest holds the facts of a script manifest: what both sides must agree on to share
// keys. Its texts may differ.
type manifest struct {
	ContractVersion string          `json:"contractVersion"`
	GeneratedFrom   string          `json:"generatedFrom"`
	ReplyTuple      []string        `json:"replyTuple"`
	Scripts         []manifestEntry `json:"scripts"`
}

type manifestEntry struct {
	Name     string   `json:"name"`
	Strategy string   `json:"strategy"`
	Role     string   `json:"role"`
	File     string   `json:"file"`
	Keys     []string `json:"keys"`
	Argv     []string `json:"argv"`
	SHA256   string   `json:"sha256"`
}

func (m manifest) find(name string) (manifestEntry, bool) {
	i := slices.IndexFunc(m.Scripts, func(e manifestEntry) bool { return e.Name == name })
	if i < 0 {
		return manifestEntry{}, false
	}
	return m.Scripts[i], true
}

// fact is one thing that two manifests say, ours and theirs.
type fact struct{ what, ours, theirs string }

// facts lists what must agree, for every script that either has. A script that one side
// lacks has "nothing" there.
func facts(mine, other manifest) []fact {
	all := []fact{
		{"contractVersion", mine.ContractVersion, other.ContractVersion},
		{"replyTuple", fmt.Sprint(mine.ReplyTuple), fmt.Sprint(other.ReplyTuple)},
	}
	var names []string
	for _, e := range slices.Concat(mine.Scripts, other.Scripts) {
		if !slices.Contains(names, e.Name) {
			names = append(names, e.Name)
		}
	}
	for _, name := range names {
		all = append(all, fact{name, describe(mine, name), describe(other, name)})
	}
	return all
}

func describe(m manifest, name string) string {
	e, ok := m.find(name)
	if !ok {
		return "nothing"
	}
	return fmt.Sprintf("strategy %s, role %s, KEYS %q, ARGV %q", e.Strategy, e.Role, e.Keys, e.Argv)
}

// compareContracts holds the packaged manifest against ours and against what our
// generated code sends, and then runs the packaged scripts by it.
func (s *session) compareContracts(ctx context.Context) error {
	var packaged struct {
		Manifest manifest          `json:"manifest"`
		Sums     map[string]string `json:"sums"`
	}
	if err := s.peer.call(ctx, map[string]any{"op": "manifest"}, &packaged); err != nil {
		return err
	}
	data, err := os.ReadFile("contract/manifest.json")
	if err != nil {
		return fmt.Errorf("run this in the root of the module: %w", err)
	}
	var mine manifest
	if err := json.Unmarshal(data, &mine); err != nil {
		return fmt.Errorf("contract/manifest.json: %w", err)
	}

	if err := s.prove("the packaged manifest", func() (string, error) {
		return s.compareManifests(mine, packaged.Manifest, packaged.Sums), nil
	}); err != nil {
		return err
	}
	return s.prove("the packaged scripts, by the packaged manifest", func() (string, error) {
		for i, d := range strategy.All() {
			if err := s.runPackaged(ctx, d, packaged.Manifest.ReplyTuple, uint64(i)); err != nil {
				return "", err
			}
		}
		return "", nil
	})
}

// compareManifests holds theirs against ours and against what our code does, and counts
// the scripts whose very text is the same.
func (s *session) compareManifests(mine, other manifest, sums map[string]string) (detail string) {
	same := 0
	for _, f := range facts(mine, other) {
		s.check(f.ours == f.theirs, "%s: ours has %s, theirs %s", f.what, f.ours, f.theirs)
	}
	for _, e := range other.Scripts {
		s.check(sums[e.File] == e.SHA256, "%s: their own manifest has another sha256 than %s", e.Name, e.File)
		if o, ok := mine.find(e.Name); ok && o.SHA256 == e.SHA256 {
			same++
		}
	}
	for _, d := range strategy.All() {
		e, ok := other.find(d.Check.Name)
		s.check(ok && slices.Equal(d.Argv, e.Argv), "%s: our code sends ARGV %q, their manifest has %q", d.Check.Name, d.Argv, e.Argv)
		s.check(slices.Equal(d.Reply, other.ReplyTuple), "%s: our code reads the reply as %q", d.Check.Name, d.Reply)
	}
	return fmt.Sprintf("ours is from %s, theirs from %s; %d of %d scripts have the same text",
		mine.GeneratedFrom, other.GeneratedFrom, same, len(other.Scripts))
}

// packagedChecks is how many checks of each strategy the packaged scripts run.
const packagedChecks = 40

// runPackaged runs the packaged check script beside our door, and both read scripts on
// what either of them left.
func (s *session) runPackaged(ctx context.Context, d *script.Definition, tuple []string, stream uint64) error {
	r := newDraw(s.seed, 1<<62|stream)
	start := 1 + r.Int64N(2_000_000_000_000)
	params, plan, err := roomy(d, 12, start)
	if err != nil {
		return err
	}
	client, err := s.ourClient(plan, false)
	if err != nil {
		return err
	}
	mine, other := s.key(), s.key()
	values := map[string]any{}
	for name, v := range params {
		values[name] = v
	}
	now := start
	for range packagedChecks {
		now += r.Int64N(hour)
		cost := 1 + r.Int64N(3)
		values["now"], values["cost"] = now, cost
		reply, err := s.script(ctx, d.Check.Name, other, values)
		if err != nil {
			return err
		}
		want, err := client.check(ctx, mine, cost, now)
		if err != nil {
			return err
		}
		got, err := byTuple(tuple, reply)
		s.check(err == nil && got == want.Decision, "%s at %d, cost %d: the packaged script says %v (%v), our door %v",
			d.Check.Name, now, cost, reply, err, want.Decision)
	}
	states, err := s.states(ctx, d, mine, other)
	if err != nil {
		return err
	}
	for _, key := range []string{mine, other} {
		reply, err := s.script(ctx, d.Read.Name, key, values)
		if err != nil {
			return err
		}
		state := flatten(reply)
		slices.Sort(state)
		s.check(slices.Equal(state, states[0]) && slices.Equal(state, states[1]),
			"%s: the packaged one reads %q, ours %q after our checks and %q after theirs", d.Read.Name, state, states[0], states[1])
	}
	_, err = s.do(ctx, "DEL", mine, other)
	return err
}

// script runs a packaged script on one key; values are by ARGV name.
func (s *session) script(ctx context.Context, name, key string, values map[string]any) (any, error) {
	var answer struct {
		Reply any `json:"reply"`
	}
	err := s.peer.call(ctx, map[string]any{"op": "script", "url": s.url, "name": name, "keys": []string{key}, "values": values}, &answer)
	return answer.Reply, err
}

// byTuple reads a check's reply by the names that a manifest gives to its elements.
func byTuple(tuple []string, reply any) (decision, error) {
	list, ok := reply.([]any)
	if !ok || len(list) != len(tuple) {
		return decision{}, fmt.Errorf("want %d numbers", len(tuple))
	}
	values := map[string]int64{}
	for i, name := range tuple {
		n, ok := list[i].(float64) // as JSON has numbers
		if !ok || n != float64(int64(n)) {
			return decision{}, fmt.Errorf("%s is %v, want an integer", name, list[i])
		}
		values[name] = int64(n)
	}
	return decision{allowed: values["allowed"] == 1, limit: values["limit"], remaining: values["remaining"],
		resetAt: values["resetAt"], retryAfterMs: values["retryAfterMs"]}, nil
}
