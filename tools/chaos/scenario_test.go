package chaos

import (
	"flag"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/report"
)

// scenario is one way in which things go wrong.
type scenario struct {
	name  string // of the scenario; unique
	fault string // what is done, for the table
	setup setup
	play  func(s *stage) // the fault and its end; the load is on already

	// clean is for faults that no caller may notice: not one check fails.
	clean bool
}

// setup is what stands before the load begins.
type setup struct {
	service   bool // the callers use the service door, and a service
	way       way  // what lies between the callers and what they call
	store     store
	redis     []string // extra arguments of the redis-server
	serve     []string // extra arguments of the service
	callers   int      // 0 for defaultCallers
	pause     time.Duration
	deadline  time.Duration // of sdk/resilient; 0 for its default
	impatient time.Duration // the callers' own deadline, if they have one
	fickle    time.Duration // callers cancel at random, up to so late
	before    func(s *stage)
}

// way is what lies between the callers and Redis or the service.
type way uint8

const (
	straight way = iota
	toxic        // toxiproxy
	knife        // on which single connections can be spoilt
	frames       // on which single streams can be
)

// store is what the limits are kept in.
type store uint8

const (
	single store = iota
	cluster
	sentinels // a master and a replica that these watch
)

// door is how checks of the same moment travel.
type door string

const (
	fused door = "fused" // together: the default of the Redis door, gathered by the service door
	alone door = "alone"
)

var doors = []door{fused, alone}

// families are all scenarios, by what is broken.
var families = []struct {
	name      string
	scenarios []scenario
}{
	{"process", processFaults},
	{"data", dataFaults},
	{"network", networkFaults},
	{"topology", topologyFaults},
	{"service", serviceFaults},
	{"callers", callerFaults},
}

func TestChaos(t *testing.T) {
	var rows []*report.Row
	for _, family := range families {
		for _, sc := range family.scenarios {
			t.Run(family.name+"/"+sc.name, func(t *testing.T) {
				known := goleak.IgnoreCurrent()
				t.Cleanup(func() { // the first, so it runs when all else is cleaned up
					if err := goleak.Find(known); err != nil {
						t.Errorf("goroutines are left behind: %v", err)
					}
				})
				for _, d := range doors {
					row := &report.Row{}
					rows = append(rows, row)
					t.Run(string(d), func(t *testing.T) {
						if !*full && sc.setup.callers == 0 {
							t.Parallel() // most of a scenario is waiting
						}
						*row = play(t, sc, d)
						row.Family = family.name
						t.Log(row)
					})
				}
			})
		}
	}
	if *write {
		if t.Failed() || flag.Lookup("test.run").Value.String() != "" {
			t.Fatalf("not all scenarios were played and went well, so %s stays as it is", tablePath)
		}
		if err := report.Write(tablePath, rows); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTableListsTheSuite holds the committed table against the scenarios.
func TestTableListsTheSuite(t *testing.T) {
	listed, err := report.Scenarios(tablePath)
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, sc := range family.scenarios {
			for _, d := range doors {
				row := report.Listed{Scenario: sc.name, Door: string(d)}
				if listed[row] != 1 {
					t.Errorf("%s lists %v %d times, want once: task chaos", tablePath, row, listed[row])
				}
				delete(listed, row)
			}
		}
	}
	for row := range listed {
		t.Errorf("%s lists %v, which is no scenario: task chaos", tablePath, row)
	}
}
