package chaos

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/process"
)

var (
	full  = flag.Bool("full", false, "larger limits and longer faults: minutes rather than seconds")
	write = flag.Bool("write", false, "write the table of results")
)

const tablePath = "../../sdk/docs/failures.md"

// binary is the throttlekit command, built once.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "chaos")
	if err == nil {
		defer os.RemoveAll(dir)
		binary, err = process.Build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building the throttlekit command:", err)
		return 1
	}
	return m.Run()
}

// size is what a scenario grows to with -full.
type size struct {
	limit int64         // of every budget
	fault time.Duration // how long a fault lasts
	quiet time.Duration // how long all has to be well afterwards
}

func sizes() size {
	if *full {
		return size{limit: 600, fault: time.Second, quiet: 500 * time.Millisecond}
	}
	return size{limit: 60, fault: 250 * time.Millisecond, quiet: 100 * time.Millisecond}
}
