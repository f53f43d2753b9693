package contest

import (
	"context"
	"fmt"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/load"
)

// The limit that all contenders keep. Half of the keys are emptied before they start, by
// one check of the whole burst, and stay empty since a unit comes back only once a
// minute; the others have more than any run can spend. So half of the checks are
// admitted and half are denied, however fast a contender is. A limit that is used up as
// the run goes on would spare the fastest the most work.
const (
	period = time.Minute // for one unit
	burst  = 1_000_000
)

// limit is that limit as the contract's strategy, in which all peers' is expressible.
var limit = strategy.GCRA{Limit: 1, Period: period, Burst: burst}

// keyPrefix and the twelve digits behind it are how redis-benchmark names its keys.
const keyPrefix = "bench:"

// keys are what a load's random index chooses from.
var keys = func() (keys [load.Spread]string) {
	for i := range keys {
		keys[i] = fmt.Sprintf("%s%012d", keyPrefix, i)
	}
	return keys
}()

// emptied are the keys of which every check is denied.
var emptied = func() (emptied []string) {
	for i := 1; i < len(keys); i += 2 {
		emptied = append(emptied, keys[i])
	}
	return emptied
}()

// contractual is the limit ready to be sent by a client that is not the SDK's.
type contractual struct {
	plan       *script.Plan
	definition *script.Definition
	argv       []any    // of one check at the server's time
	texts      []string // the same
}

func newContractual() (*contractual, error) {
	plan, err := limit.Plan()
	if err != nil {
		return nil, err
	}
	c := &contractual{plan: plan, definition: plan.Definition()}
	c.argv = plan.AppendArgv(nil, "0", "1")
	for _, arg := range c.argv {
		c.texts = append(c.texts, arg.(string)) // as the plan formatted it
	}
	return c, nil
}

// admits reads the first of a check's integers, which says whether it was admitted. All
// are there, or the contender has been spared the work of reading them.
func (c *contractual) admits(reply []int64) (bool, error) {
	if len(reply) != len(c.definition.Reply) {
		return false, fmt.Errorf("the reply has %d integers, want %d", len(reply), len(c.definition.Reply))
	}
	return reply[0] == 1, nil
}

// spend empties the keys that shall be empty.
func spend(checkMany func(keys []string, cost int64) ([]throttlekit.Decision, error)) error {
	decisions, err := checkMany(emptied, burst)
	if err != nil {
		return err
	}
	for i, d := range decisions {
		if !d.Allowed {
			return notEmptied(emptied[i])
		}
	}
	return nil
}

// spendEach does the same for who has no call for many keys. check checks one for the
// whole burst.
func spendEach(check func(key string) (admitted bool, err error)) error {
	for _, key := range emptied {
		admitted, err := check(key)
		if err != nil {
			return err
		}
		if !admitted {
			return notEmptied(key)
		}
	}
	return nil
}

func notEmptied(key string) error {
	return fmt.Errorf("key %s could not be emptied: its whole burst was denied where there were no keys", key)
}

// spendAt empties the keys of the contract's scripts, which several contenders share.
func (a *Arena) spendAt(ctx context.Context) error {
	limiter, err := a.admin.Limiter(limit)
	if err != nil {
		return err
	}
	return spend(func(keys []string, cost int64) ([]throttlekit.Decision, error) {
		return limiter.CheckMany(ctx, keys, cost)
	})
}
