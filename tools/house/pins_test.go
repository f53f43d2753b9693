package house

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// manifest is what these tests need of contract/manifest.json.
type manifest struct {
	ContractVersion string   `json:"contractVersion"`
	GeneratedFrom   string   `json:"generatedFrom"`
	ReplyTuple      []string `json:"replyTuple"`
	Scripts         []struct {
		Name, Strategy, Role, File string
		Argv                       []string
		SHA256                     string
	}
}

func readManifest(t *testing.T) manifest {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "contract", "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestGeneratedConstantsAreTheContracts holds every generated constant against the file
// it was made from: what would be sent to Redis is what the manifest pins.
func TestGeneratedConstantsAreTheContracts(t *testing.T) {
	m := readManifest(t)
	if strategy.ContractVersion != m.ContractVersion || strategy.GeneratedFrom != m.GeneratedFrom {
		t.Errorf("generated from version %q of %q, the manifest says %q of %q",
			strategy.ContractVersion, strategy.GeneratedFrom, m.ContractVersion, m.GeneratedFrom)
	}
	definitions := strategy.All()
	checks := 0
	for _, s := range m.Scripts {
		i := slices.IndexFunc(definitions, func(d *script.Definition) bool { return d.Name == s.Strategy })
		if i < 0 {
			t.Errorf("strategy %s of the manifest was not generated", s.Strategy)
			continue
		}
		generated := definitions[i].Read
		if s.Role == "check" {
			checks++
			generated = definitions[i].Check
			if !slices.Equal(definitions[i].Argv, s.Argv) || !slices.Equal(definitions[i].Reply, m.ReplyTuple) {
				t.Errorf("%s takes %v and replies %v, the manifest says %v and %v",
					s.Name, definitions[i].Argv, definitions[i].Reply, s.Argv, m.ReplyTuple)
			}
		} else if s.Role != "read" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(root, "contract", "scripts", s.File))
		if err != nil {
			t.Error(err)
			continue
		}
		sum1, sum256 := sha1.Sum(data), sha256.Sum256(data)
		want := script.Script{Name: s.Name, Source: string(data),
			SHA1: hex.EncodeToString(sum1[:]), SHA256: hex.EncodeToString(sum256[:])}
		if generated != want {
			t.Errorf("%s was generated from another text than %s holds", s.Name, s.File)
		}
		if want.SHA256 != s.SHA256 {
			t.Errorf("%s hashes to %s, the manifest says %s", s.File, want.SHA256, s.SHA256)
		}
	}
	if checks != len(definitions) {
		t.Errorf("%d strategies were generated from %d check scripts", len(definitions), checks)
	}
}

func TestScriptsEndWithoutANewline(t *testing.T) {
	for _, s := range readManifest(t).Scripts {
		data, err := os.ReadFile(filepath.Join(root, "contract", "scripts", s.File))
		if err != nil {
			t.Fatal(err)
		}
		if len(data) == 0 || data[len(data)-1] == '\n' {
			t.Errorf("%s is empty or ends with a newline; an editor has been at it", s.File)
		}
	}
}
