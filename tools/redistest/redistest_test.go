package redistest_test

import (
	"testing"
	"time"

	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

func TestCluster(t *testing.T) {
	start := time.Now()
	c := redistest.StartCluster(t, 3, 1)
	t.Log("started in", time.Since(start))
	owner, err := c.Owner(0)
	if err != nil || owner != c.Nodes[0] {
		t.Errorf("slot 0 is %v's (%v), want the first master's", owner, err)
	}
}
