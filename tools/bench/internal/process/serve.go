package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// module is the module that is measured.
const module = "github.com/throttlekit/throttlekit-go"

// Source returns the folder of the module that is measured. The working directory has to
// be inside the benchmark's own module, which says where that is.
func Source(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return "", fmt.Errorf("looking for %s, which tools/bench knows and other folders may not: %w", module, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Build builds the throttlekit command into dir and returns its path.
func Build(ctx context.Context, dir string) (string, error) {
	source, err := Source(ctx)
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "throttlekit")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "./tools/throttlekit")
	cmd.Dir = source // its module, not this one
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the throttlekit command: %w\n%s", err, out)
	}
	return binary, nil
}

// StartServe runs binary as `throttlekit serve` of the policies, over the Redis at url. It
// fails closed, so that no check is admitted that Redis did not decide.
func StartServe(ctx context.Context, dir, binary, url, policies string) (*Server, error) {
	file := filepath.Join(dir, "policies.yaml")
	if err := os.WriteFile(file, []byte(policies), 0o600); err != nil {
		return nil, err
	}
	return Serve(ctx, exec.Command(binary, "serve", "--config", file, "--port", "0", "--redis", url, "--fail", "closed"))
}
