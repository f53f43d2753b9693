// Package needs skips the tests of which a machine lacks the programs.
package needs

import (
	"os"
	"os/exec"
	"testing"

	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// Redis skips tb where there is no redis-server or no redis-benchmark, and fails it there
// when THROTTLEKIT_REQUIRE_REDIS is 1.
func Redis(tb testing.TB) {
	tb.Helper()
	for _, program := range []string{"redis-server", "redis-benchmark"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv(redistest.RequireVariable) == "1" {
				tb.Fatalf("%s=1, and there is no %s: %v", redistest.RequireVariable, program, err)
			}
			tb.Skipf("needs %s, which is not on this machine", program)
		}
	}
}
