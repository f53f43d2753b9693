package servicedoor

import (
	"errors"
	"fmt"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// decision reads one decision, which the contract says is always set.
func decision(op string, d *throttlekitv1.Decision) (throttlekit.Decision, error) {
	if d == nil {
		return throttlekit.Decision{}, malformed(op, errors.New("the reply has no decision"))
	}
	return fromWire(d), nil
}

// decisions reads the answer to a CheckMany RPC of want keys. One of another length cannot be
// matched to its keys, so none of it is used.
func decisions(op string, ds []*throttlekitv1.Decision, want int) ([]throttlekit.Decision, error) {
	if len(ds) != want {
		return nil, malformed(op, fmt.Errorf("the reply has %d decisions for %d keys", len(ds), want))
	}
	all := make([]throttlekit.Decision, len(ds))
	for i, d := range ds {
		if d == nil {
			return nil, malformed(op, fmt.Errorf("the reply has no decision for keys[%d]", i))
		}
		all[i] = fromWire(d)
	}
	return all, nil
}

func forecast(f *throttlekitv1.Forecast) (throttlekit.Forecast, error) {
	if f == nil {
		return throttlekit.Forecast{}, malformed(opForecast, errors.New("the reply has no forecast"))
	}
	return throttlekit.Forecast{
		SpendableNow:    f.GetSpendableNow(),
		NextReplenishAt: script.Time(f.GetNextReplenishAt()),
		FullAt:          script.Time(f.GetFullAt()),
	}, nil
}

func fromWire(d *throttlekitv1.Decision) throttlekit.Decision {
	return throttlekit.Decision{
		Allowed:    d.GetAllowed(),
		Limit:      d.GetLimit(),
		Remaining:  d.GetRemaining(),
		ResetAt:    script.Time(d.GetResetAt()),
		RetryAfter: script.Duration(d.GetRetryAfterMs()),
		Source:     source(d),
	}
}

// source tells the decisions that a service made up while it could not ask its store. The
// wire has no mark of them but that they hold no times, as no strategy's decision does, and
// that all of the limit remains or nothing.
func source(d *throttlekitv1.Decision) throttlekit.Source {
	switch timeless := d.GetResetAt() == 0 && d.GetRetryAfterMs() == 0; {
	case timeless && d.GetAllowed() && d.GetRemaining() == d.GetLimit():
		return throttlekit.SourceOpen
	case timeless && !d.GetAllowed() && d.GetRemaining() == 0:
		return throttlekit.SourceClosed
	}
	return throttlekit.SourceContract
}
