// Package diff says in a few lines what a sync changes.
package diff

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/throttlekit/throttlekit-go/tools/contractsync/internal/contract"
)

// Lines says how the contract is differs from was, which is nil before the first sync.
// They are empty when only the lock is out of step.
func Lines(was, is *contract.Contract) []string {
	if was == nil {
		return []string{
			"first sync: " + Size(is),
			"generatedFrom: " + producers(is),
		}
	}
	var lines []string
	if was.Manifest.ContractVersion != is.Manifest.ContractVersion {
		lines = append(lines, fmt.Sprintf("contractVersion: %s (was %s)", is.Manifest.ContractVersion, was.Manifest.ContractVersion))
	}
	if before, now := producers(was), producers(is); before != now {
		lines = append(lines, fmt.Sprintf("generatedFrom: %s (was %s)", now, before))
	}
	lines = append(lines, manifestLines(was, is)...)
	lines = append(lines, protoLines(was, is)...)
	lines = append(lines, vectorLines(was, is)...)
	return lines
}

// Size says in a phrase what the contract holds.
func Size(c *contract.Contract) string {
	return fmt.Sprintf("contractVersion %s, scripts: %d, strategies: %d, rpcs: %d, messages: %d, enums: %d, vector suites: %d",
		c.Manifest.ContractVersion, len(c.Manifest.Scripts), len(strategies(c)),
		len(c.Proto.RPCs), len(c.Proto.Messages), len(c.Proto.Enums), c.Suites)
}

func producers(c *contract.Contract) string {
	if c.Manifest.GeneratedFrom == c.VectorsFrom {
		return c.VectorsFrom
	}
	return fmt.Sprintf("%s, vectors %s", c.Manifest.GeneratedFrom, cmp.Or(c.VectorsFrom, "unknown"))
}

func manifestLines(was, is *contract.Contract) []string {
	var lines []string
	if before, now := was.Manifest.ReplyTuple, is.Manifest.ReplyTuple; !slices.Equal(before, now) {
		lines = append(lines, fmt.Sprintf("replyTuple: %s (was %s)", strings.Join(now, ", "), strings.Join(before, ", ")))
	}
	lines = append(lines, section("scripts", scripts(was), scripts(is))...)
	lines = append(lines, section("strategies", strategies(was), strategies(is))...)
	said := len(lines) > 0 || was.Manifest.GeneratedFrom != is.Manifest.GeneratedFrom ||
		was.Manifest.ContractVersion != is.Manifest.ContractVersion
	if !said && !bytes.Equal(was.Files[contract.ManifestPath], is.Files[contract.ManifestPath]) {
		lines = append(lines, "manifest: altered in other fields, their order or spacing")
	}
	return lines
}

// scripts are the contract's scripts by name, each as all that is known of it.
func scripts(c *contract.Contract) map[string]string {
	texts := map[string]string{}
	for _, s := range c.Manifest.Scripts {
		texts[s.Name] = fmt.Sprintf("%q %s", []any{s.Strategy, s.Role, s.File, s.Keys, s.Argv},
			c.Files[path.Join(contract.ScriptsDir, s.File)])
	}
	return texts
}

// strategies are the contract's strategies by name, each as all that is known of its
// scripts.
func strategies(c *contract.Contract) map[string]string {
	texts, script := map[string]string{}, scripts(c)
	for _, s := range c.Manifest.Scripts {
		texts[s.Strategy] += script[s.Name]
	}
	return texts
}

func protoLines(was, is *contract.Contract) []string {
	if bytes.Equal(was.Files[contract.ProtoPath], is.Files[contract.ProtoPath]) {
		return nil
	}
	if was.Proto.Text == is.Proto.Text {
		return []string{"proto: altered in comments or spacing only"}
	}
	lines := section("services", was.Proto.Services, is.Proto.Services)
	lines = append(lines, section("rpcs", was.Proto.RPCs, is.Proto.RPCs)...)
	lines = append(lines, section("messages", messages(was), messages(is))...)
	for _, name := range slices.Sorted(maps.Keys(is.Proto.Messages)) {
		if before, ok := was.Proto.Messages[name]; ok {
			lines = append(lines, section("fields of "+name, before.Fields, is.Proto.Messages[name].Fields)...)
		}
	}
	lines = append(lines, section("enums", was.Proto.Enums, is.Proto.Enums)...)
	if was.Proto.Rest != is.Proto.Rest || len(lines) == 0 {
		lines = append(lines, "proto: altered in its package, imports or options, or in the order of its declarations")
	}
	return lines
}

func messages(c *contract.Contract) map[string]string {
	texts := map[string]string{}
	for name, m := range c.Proto.Messages {
		texts[name] = fmt.Sprint(m.Rest, m.Fields) // Sprint sorts the keys of a map
	}
	return texts
}

func vectorLines(was, is *contract.Contract) []string {
	switch {
	case was.Suites != is.Suites:
		return []string{fmt.Sprintf("vectors: %d suites (were %d)", is.Suites, was.Suites)}
	case !bytes.Equal(was.Files[contract.VectorsPath], is.Files[contract.VectorsPath]):
		return []string{fmt.Sprintf("vectors: altered, %d suites as before", is.Suites)}
	}
	return nil
}

// section is one line of names added, removed and altered, or none.
func section(title string, was, is map[string]string) []string {
	var added, removed, altered []string
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if before, ok := was[name]; !ok {
			added = append(added, name)
		} else if before != is[name] {
			altered = append(altered, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		if _, ok := is[name]; !ok {
			removed = append(removed, name)
		}
	}
	var parts []string
	for _, part := range []struct {
		verb  string
		names []string
	}{{"added", added}, {"removed", removed}, {"altered", altered}} {
		if len(part.names) > 0 {
			parts = append(parts, part.verb+" "+strings.Join(part.names, ", "))
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return []string{title + ": " + strings.Join(parts, "; ")}
}
