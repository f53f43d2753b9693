package contract

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Manifest is what a sync has to know of manifest.json. What else it holds is copied
// with its bytes.
type Manifest struct {
	ContractVersion string   `json:"contractVersion"`
	GeneratedFrom   string   `json:"generatedFrom"`
	ReplyTuple      []string `json:"replyTuple"`
	Scripts         []Script `json:"scripts"`
}

// Script is one entry of the manifest.
type Script struct {
	Name     string   `json:"name"`
	Strategy string   `json:"strategy"`
	Role     string   `json:"role"`
	File     string   `json:"file"`
	Keys     []string `json:"keys"`
	Argv     []string `json:"argv"`
	SHA256   string   `json:"sha256"`
}

// plainFile matches a file name that stays in its folder on every system.
var plainFile = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)

var errNoVersion = errors.New("contractVersion is missing")

func parseManifest(data []byte) (Manifest, error) {
	var m Manifest
	err := json.Unmarshal(data, &m)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		before := data[:min(max(int(syntax.Offset)-1, 0), len(data))]
		return m, fmt.Errorf("line %d: not JSON: %w", 1+bytes.Count(before, []byte("\n")), err)
	}
	if err != nil {
		return m, fmt.Errorf("not a manifest: %w", err)
	}
	return m, nil
}

// verify checks what can be said without the scripts.
func (m Manifest) verify() error {
	var problems []error
	notef := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if m.ContractVersion == "" {
		problems = append(problems, errNoVersion)
	}
	if m.GeneratedFrom == "" {
		notef("generatedFrom is missing: want the producer, as name@version")
	}
	if len(m.Scripts) == 0 {
		notef("scripts is empty, want at least one")
	}
	names, files := map[string]bool{}, map[string]string{}
	for i, s := range m.Scripts {
		switch {
		case s.Name == "":
			notef("scripts[%d]: name is missing", i)
		case names[s.Name]:
			notef("two scripts are named %s", s.Name)
		}
		names[s.Name] = true
		if !plainFile.MatchString(s.File) {
			notef("script %s: file is %q, want the plain name of a file beside the others", s.Name, s.File)
		}
		// On a system that does not tell case apart, one would overwrite the other.
		folded := strings.ToLower(s.File)
		if other, ok := files[folded]; ok && other != s.File {
			notef("script %s: file %s differs from %s only by case", s.Name, s.File, other)
		}
		files[folded] = s.File
	}
	return errors.Join(problems...)
}

// verifySum holds a script's bytes, which were read from the file called name, against
// the manifest.
func (s Script) verifySum(name string, data []byte) error {
	if got := sum(data); got != s.SHA256 {
		return fmt.Errorf("sha256 is %q, but %s hashes to %s: one of the two was changed alone", s.SHA256, name, got)
	}
	return nil
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}
