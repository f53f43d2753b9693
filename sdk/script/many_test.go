package script_test

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// packed is answers as a many script packs them.
func packed(ints ...int64) []byte {
	var b []byte
	for _, n := range ints {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return b
}

func TestDecodeMany(t *testing.T) {
	one := throttlekit.Decision{Allowed: true, Limit: 5, Remaining: 4, ResetAt: time.UnixMilli(1500).UTC()}
	two := throttlekit.Decision{Limit: 5, Remaining: -1, RetryAfter: 300 * time.Millisecond}
	said := errors.New("WRONGTYPE what Redis said")
	for _, row := range []struct {
		name      string
		reply     any
		decisions []throttlekit.Decision
		errs      []string // empty for a good decision; nil when all are good
	}{
		{"packed", packed(1, 5, 4, 1500, 0, 0, 5, -1, 0, 300), []throttlekit.Decision{one, two}, nil},
		{"as they are", []any{[]any{int64(1), int64(5), int64(4), int64(1500), int64(0)}, denial(5, -1, 0, 300)}, []throttlekit.Decision{one, two}, nil},
		{"one packed, one as it is", []any{packed(1, 5, 4, 1500, 0), denial(5, -1, 0, 300)}, []throttlekit.Decision{one, two}, nil},
		{"one failed", []any{said, packed(0, 5, -1, 0, 300)}, []throttlekit.Decision{{}, two}, []string{"WRONGTYPE what Redis said", ""}},
		{"one is no decision", []any{packed(1, 5, 4, 1500, 0), nil}, []throttlekit.Decision{one, {}}, []string{"", "reply is nil, want 5 integers"}},
		{"one is packed short", []any{packed(1, 5, 4, 1500), denial(5, -1, 0, 300)}, []throttlekit.Decision{{}, two},
			[]string{"reply is a string of 32 bytes, want 40", ""}},
		{"none asked", []byte{}, []throttlekit.Decision{}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			decisions := make([]throttlekit.Decision, len(row.decisions))
			errs, err := samplePlan(t).DecodeMany(row.reply, decisions)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.decisions, decisions); diff != "" {
				t.Errorf("decisions (-want +got):\n%s", diff)
			}
			var texts []string
			for _, err := range errs {
				text := ""
				if err != nil {
					text = err.Error()
				}
				texts = append(texts, text)
			}
			if diff := cmp.Diff(row.errs, texts); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeManyRefuses(t *testing.T) {
	for _, row := range []struct {
		name  string
		reply any
		says  string
	}{
		{"nothing", nil, "reply is nil, want an answer for each of 2 checks"},
		{"a number", int64(2), "reply is an integer, want an answer for each of 2 checks"},
		{"text that came as a string", "user-4711", "reply is a string, want an answer for each of 2 checks"},
		{"a byte less", packed(1, 2, 3, 4, 5, 6, 7, 8, 9, 0)[1:], "reply is a string of 79 bytes, want 40 for each of 2 checks"},
		{"an answer more", packed(1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5), "reply is a string of 120 bytes, want 40 for each of 2 checks"},
		{"an answer less", []any{denial(1, 2, 3, 4)}, "reply is a list of 1, want one of 2"},
	} {
		t.Run(row.name, func(t *testing.T) {
			decisions := make([]throttlekit.Decision, 2)
			errs, err := samplePlan(t).DecodeMany(row.reply, decisions)
			if err == nil || err.Error() != row.says {
				t.Errorf("error is %v, want %q", err, row.says)
			}
			if errs != nil || decisions[0] != (throttlekit.Decision{}) || decisions[1] != (throttlekit.Decision{}) {
				t.Errorf("beside the error came %v and %v", decisions, errs)
			}
			if err != nil && strings.Contains(err.Error(), "4711") {
				t.Error("the error quotes the reply")
			}
		})
	}
}

// FuzzDecodeMany decodes strings of any bytes: each is a whole number of answers with
// the integers that it holds, or an error.
func FuzzDecodeMany(f *testing.F) {
	plan := samplePlan(f)
	f.Add(packed(1, 5, 4, 1500, 0), 1)
	f.Add(packed(0, 5, -1, 1<<62, 300)[:39], 1)
	f.Add([]byte{}, 0)
	f.Fuzz(func(t *testing.T, reply []byte, checks int) {
		checks = min(max(checks, 0), 300)
		decisions := make([]throttlekit.Decision, checks)
		errs, err := plan.DecodeMany(reply, decisions)
		if (err == nil) != (len(reply) == 40*checks) || errs != nil {
			t.Fatalf("%d bytes for %d checks: %v, %v", len(reply), checks, errs, err)
		}
		if err != nil {
			return
		}
		for i, d := range decisions {
			if limit := int64(binary.LittleEndian.Uint64(reply[40*i+8:])); d.Limit != limit {
				t.Errorf("limit of check %d is %d, want %d", i, d.Limit, limit)
			}
		}
	})
}

// TestDecodeManyAllocatesNothing: it runs for every fused check.
func TestDecodeManyAllocatesNothing(t *testing.T) {
	plan, reply, decisions := samplePlan(t), any(packed(1, 5, 4, 1500, 0, 0, 5, -1, 0, 300)), make([]throttlekit.Decision, 2)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := plan.DecodeMany(reply, decisions); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
