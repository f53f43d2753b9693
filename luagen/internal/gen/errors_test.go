package gen

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// TestErrors generates from each file of testdata/errors and compares what the user is
// told. A file is the case's reason in a line, the files of a contract, each under a
// line with its name, and under "-- error --" the message. In a manifest,
// sha256(FILE) stands for the checksum that the script FILE really has.
func TestErrors(t *testing.T) {
	reasons := reasonBook{}
	for _, path := range glob(t, "testdata/errors/*.txt") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			input, want, ok := strings.Cut(read(t, path), "-- error --\n")
			if !ok {
				t.Fatalf("%s has no line -- error --", path)
			}
			reason, contract := splitFiles(input)
			reasons.add(t, reason)
			out, err := Generate(contract, Options{})
			if err == nil {
				t.Fatalf("generated %d files, want an error", len(out.Files))
			}
			got := err.Error() + "\n"
			if *update {
				if err := os.WriteFile(path, []byte(input+"-- error --\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				want = got
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("not the message of %s (-want +got); go test -update rewrites it:\n%s", path, diff)
			}
		})
	}
}

func TestPackageName(t *testing.T) {
	contract := os.DirFS("testdata/golden/plain/contract")
	for _, test := range []struct{ name, reason string }{
		{"my-limits", "a dash, as folders have"},
		{"func", "a keyword"},
		{"_", "a name that nobody can import"},
		{"limits\n\nfunc init() {}", "text after the name"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			_, err := Generate(contract, Options{Package: test.name})
			if want := fmt.Sprintf("package name %q is not a Go identifier", test.name); err == nil || err.Error() != want {
				t.Errorf("got error %v, want %s", err, want)
			}
		})
	}
	if _, err := Generate(contract, Options{Package: "main"}); err == nil || !strings.Contains(err.Error(), "can be imported") {
		t.Errorf("package main is %v, want it refused", err)
	}
}

var (
	fileLine    = regexp.MustCompile(`(?m)^-- (\S+) --\n`)
	placeholder = regexp.MustCompile(`sha256\((\S+?)\)`)
)

// splitFiles takes apart what stands before the first file and the files.
func splitFiles(text string) (head string, files fstest.MapFS) {
	files = fstest.MapFS{}
	lines := fileLine.FindAllStringSubmatchIndex(text, -1)
	for i, at := range lines {
		end := len(text)
		if i+1 < len(lines) {
			end = lines[i+1][0]
		}
		files[text[at[2]:at[3]]] = &fstest.MapFile{Data: []byte(text[at[1]:end])}
	}
	if manifest, ok := files[manifestFile]; ok {
		manifest.Data = placeholder.ReplaceAllFunc(manifest.Data, func(found []byte) []byte {
			script, ok := files["scripts/"+string(placeholder.FindSubmatch(found)[1])]
			if !ok {
				return found
			}
			return fmt.Appendf(nil, "%x", sha256.Sum256(script.Data))
		})
	}
	if len(lines) == 0 {
		return text, files
	}
	return text[:lines[0][0]], files
}
