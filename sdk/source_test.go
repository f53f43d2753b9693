package throttlekit_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

func TestOnlyTheContractsDecisionsAreNotDegraded(t *testing.T) {
	for _, row := range []struct {
		source   throttlekit.Source
		name     string
		degraded bool
		logged   string
	}{
		{throttlekit.SourceContract, "contract", false, ""},
		{throttlekit.SourceOpen, "open", true, "decision.source=open"},
		{throttlekit.SourceClosed, "closed", true, "decision.source=closed"},
		{throttlekit.SourceLocal, "local", true, "decision.source=local"},
		{throttlekit.Source(9), "source 9", true, `decision.source="source 9"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := throttlekit.Decision{Source: row.source}
			if row.source.String() != row.name || d.Degraded() != row.degraded {
				t.Errorf("it is %q, degraded %v; want %q, %v", row.source, d.Degraded(), row.name, row.degraded)
			}
			var b strings.Builder
			slog.New(slog.NewTextHandler(&b, nil)).Info("checked", "decision", d)
			if row.logged == "" && strings.Contains(b.String(), "source") || !strings.Contains(b.String(), row.logged) {
				t.Errorf("logged %q, want it to hold %q", b.String(), row.logged)
			}
		})
	}
	if (throttlekit.Decision{}).Degraded() {
		t.Error("the zero Decision is degraded; a limiter that says nothing of its source is the contract's")
	}
}

// What was admitted because nobody could be asked may deserve a smaller answer.
func ExampleDecision_Degraded() {
	d := throttlekit.Decision{Allowed: true, Limit: 20, Remaining: 20, Source: throttlekit.SourceOpen}
	if d.Degraded() {
		fmt.Println("not counted; the decision is by fail mode", d.Source)
	}
	// Output: not counted; the decision is by fail mode open
}
