// Package breaking asks buf whether a proto breaks those who speak an older one.
package breaking

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// pinned is the modfile that pins buf in this project's own repository.
const pinned = "tools/buf/go.mod"

// The two protos, as buf's findings name them.
const (
	vendoredFile = "vendored/throttlekit.proto"
	sourceFile   = "source/throttlekit.proto"
)

// config asks for one category only. WIRE_JSON allows what neither bytes nor JSON show,
// such as another order of fields or a new rpc.
const config = `version: v2
breaking:
  use:
    - WIRE_JSON
`

// exitFindings is buf's exit code for findings, errors of compilation included.
const exitFindings = 100

// Check runs buf breaking on the two protos. The buf is the one that dir pins in
// tools/buf/go.mod, else the one on PATH. It returns nil when buf finds nothing; the
// error is either what buf found, or why nothing could be proven.
func Check(ctx context.Context, dir string, older, newer []byte) error {
	temp, err := os.MkdirTemp("", "contractsync")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	against, err := writeModule(temp, vendoredFile, older)
	if err != nil {
		return err
	}
	input, err := writeModule(temp, sourceFile, newer)
	if err != nil {
		return err
	}
	args := []string{"breaking", input, "--against", against}

	var failures []string
	for _, buf := range candidates(ctx, dir, args) {
		var output bytes.Buffer
		buf.Stdout, buf.Stderr = &output, &output
		err := buf.Run()
		var exit *exec.ExitError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &exit) && exit.ExitCode() == exitFindings:
			return fmt.Errorf("the proto breaks those who speak the vendored one; buf breaking (WIRE_JSON) says:\n%s",
				findings(output.String()))
		case ctx.Err() != nil:
			return ctx.Err()
		}
		failures = append(failures, fmt.Sprintf("%s failed: %v\n%s", strings.Join(buf.Args[:2], " "), err, indent(output.String())))
	}
	if len(failures) == 0 {
		return fmt.Errorf("the proto changed, and nothing here can prove that it breaks nobody: there is neither %s nor a buf on PATH; install buf (https://buf.build/docs/cli/installation)", pinned)
	}
	return fmt.Errorf("the proto changed, and nothing here can prove that it breaks nobody: %s", strings.Join(failures, "\n"))
}

// candidates are the ways to run buf, in order of preference.
func candidates(ctx context.Context, dir string, args []string) []*exec.Cmd {
	var found []*exec.Cmd
	if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(pinned))); err == nil {
		tool := exec.CommandContext(ctx, "go", append([]string{"tool", "-modfile=" + pinned, "buf"}, args...)...)
		tool.Dir = dir
		tool.Env = append(os.Environ(), "GOWORK=off") // -modfile is refused in a workspace
		found = append(found, tool)
	}
	if _, err := exec.LookPath("buf"); err == nil {
		found = append(found, exec.CommandContext(ctx, "buf", args...))
	}
	return found
}

// writeModule makes a folder that buf takes for a module of the one file.
func writeModule(temp, name string, proto []byte) (dir string, err error) {
	file := filepath.Join(temp, filepath.FromSlash(name))
	dir = filepath.Dir(file)
	return dir, errors.Join(
		os.Mkdir(dir, 0o755),
		os.WriteFile(filepath.Join(dir, "buf.yaml"), []byte(config), 0o644),
		os.WriteFile(file, proto, 0o644),
	)
}

// findings cuts the temporary folder off buf's lines.
func findings(output string) string {
	lines := strings.Split(filepath.ToSlash(strings.TrimSpace(output)), "\n")
	for i, line := range lines {
		for _, name := range []string{vendoredFile, sourceFile} {
			if at := strings.Index(line, name+":"); at >= 0 {
				lines[i] = line[at:]
			}
		}
	}
	return indent(strings.Join(lines, "\n"))
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
}
