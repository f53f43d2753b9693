package contest

import (
	"context"
	"errors"
	"fmt"

	"github.com/throttlekit/throttlekit-go/tools/bench/internal/load"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/results"
)

// client is a contender that runs in this process, connected.
type client struct {
	check func(ctx context.Context, key string) (admitted bool, err error)

	// spend empties the keys that shall be empty, for a client that keeps its state in
	// another way than the contract's scripts do.
	spend func(ctx context.Context) error

	close func() error
}

// opener connects a client for so many goroutines.
type opener func(ctx context.Context, a *Arena, goroutines int) (*client, error)

// measureChecks measures single checks under ctx, which the client may have to watch.
func measureChecks(ctx context.Context, a *Arena, l load.Load, open opener) (_ results.Sample, err error) {
	c, err := open(ctx, a, l.Goroutines)
	if err != nil {
		return results.Sample{}, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if c.spend == nil {
		c.spend = a.spendAt
	}
	if err := c.spend(ctx); err != nil {
		return results.Sample{}, err
	}
	s, err := l.Run(1, func(i int) (int, error) {
		admitted, err := c.check(ctx, keys[i])
		return count(admitted), err
	})
	if err != nil {
		return s, err
	}
	return s, halfAdmitted(s)
}

// decides are the shares of admitted checks between which a contender does its work:
// half, and what chance makes of it in a very short run.
var decides = struct{ least, most float64 }{0.3, 0.7}

// halfAdmitted refuses a sample of a contender that does not do its work.
func halfAdmitted(s results.Sample) error {
	share := s.Metrics[results.Admitted]
	if s.Checks >= len(keys) && (share < decides.least || share > decides.most) {
		return fmt.Errorf("it admitted %.2f of its checks, want half of them", share)
	}
	return nil
}

func count(admitted bool) int {
	if admitted {
		return 1
	}
	return 0
}

// contender is one that makes single checks, with a context that nobody has to watch.
func contender(name, about string, open opener) Contender {
	return Contender{Name: name, About: about,
		measure: func(_ context.Context, a *Arena, l load.Load) (results.Sample, error) {
			return measureChecks(context.Background(), a, l, open)
		}}
}
