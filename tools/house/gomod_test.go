package house

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// allowedModules is what the root module may require directly. Each is here for a
// reason, since an SDK user's build has to resolve them all.
var allowedModules = map[string]string{
	"connectrpc.com/connect":           "the service door and the server",
	"connectrpc.com/grpchealth":        "grpc.health.v1 on the server",
	"connectrpc.com/grpcreflect":       "server reflection on the server",
	"github.com/alicebob/miniredis/v2": "the embedded Redis",
	"github.com/gomodule/redigo":       "the Redis door",
	"github.com/google/go-cmp":         "comparisons in tests",
	"github.com/urfave/cli/v3":         "the command line",
	"github.com/yuin/gopher-lua":       "luagen's Lua parser; the embedded Redis links it anyway",
	"go.yaml.in/yaml/v3":               "policy files",
	"go.uber.org/goleak":               "leak checks in tests",
	"google.golang.org/protobuf":       "the service contract's messages",
}

// goMod is what `go mod edit -json` prints, as far as it matters here.
type goMod struct {
	Go      string
	Module  struct{ Path string }
	Require []struct {
		Path     string
		Indirect bool
	}
	Replace []struct{ Old struct{ Path string } }
	Tool    []struct{ Path string }
}

func readGoMod(t *testing.T, path string) goMod {
	t.Helper()
	out, err := exec.Command("go", "mod", "edit", "-json", path).Output()
	if err != nil {
		t.Fatalf("go mod edit -json %s: %v", path, err)
	}
	var m goMod
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestGoModAsksLittle(t *testing.T) {
	m := readGoMod(t, filepath.Join(root, "go.mod"))
	if m.Module.Path != modulePath {
		t.Errorf("the module is %s, want %s", m.Module.Path, modulePath)
	}
	if m.Go != "1.25.0" {
		t.Errorf("the go line is %s, want 1.25.0: the floor that we promise", m.Go)
	}
	if len(m.Replace) > 0 {
		t.Errorf("go.mod replaces %s; a replacement holds for us alone and not for whoever requires us", m.Replace[0].Old.Path)
	}
	for _, r := range m.Require {
		if _, ok := allowedModules[r.Path]; !ok && !r.Indirect {
			t.Errorf("go.mod requires %s, which is not on the list in this test", r.Path)
		}
	}
	tools := []string{"connectrpc.com/connect/cmd/protoc-gen-connect-go", "google.golang.org/protobuf/cmd/protoc-gen-go"}
	for _, tool := range m.Tool {
		if !slices.Contains(tools, tool.Path) {
			t.Errorf("go.mod has tool %s; only plugins whose module is linked anyway stand there", tool.Path)
		}
	}
	if exists(filepath.Join(root, "go.work")) {
		t.Error("there is a go.work, under which go tool -modfile refuses to run")
	}
}

// TestSDKUsersTakeLittle lists what a program links that uses some of the doors.
func TestSDKUsersTakeLittle(t *testing.T) {
	for _, row := range []struct {
		name  string
		doors []string
		want  []string
	}{
		{"every door", []string{"redisdoor", "servicedoor", "localdoor"},
			[]string{"connectrpc.com/connect", "github.com/gomodule/redigo", modulePath, "google.golang.org/protobuf"}},
		{"the door in the process alone", []string{"localdoor"}, []string{modulePath}},
	} {
		t.Run(row.name, func(t *testing.T) {
			args := []string{"list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", modulePath + "/gen/strategy"}
			for _, door := range row.doors {
				args = append(args, modulePath+"/sdk/"+door)
			}
			out, err := exec.Command("go", args...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			linked := strings.Fields(string(out))
			slices.Sort(linked)
			linked = slices.Compact(linked)
			slices.Sort(row.want)
			if !slices.Equal(linked, row.want) {
				t.Errorf("links %v, want %v and nothing else", linked, row.want)
			}
		})
	}
}

func TestNestedModulesStayOutOfTheWay(t *testing.T) {
	nested, err := filepath.Glob(filepath.Join(root, "tools", "*", "go.mod"))
	if err != nil || len(nested) == 0 {
		t.Fatalf("found no nested modules (%v); buf's at least is one", err)
	}
	for _, path := range nested {
		m := readGoMod(t, path)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(m.Module.Path, modulePath+"/tools/") {
			t.Errorf("%s is module %s, want one below %s/tools\n%s", path, m.Module.Path, modulePath, text[:min(len(text), 200)])
		}
	}
}
