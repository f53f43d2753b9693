package doctor

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestServerJudgesByTheVersion(t *testing.T) {
	for _, row := range []struct {
		name string
		info map[string]string
		want Severity
		says string
	}{
		{"the oldest that is tested", map[string]string{"redis_version": "6.2.0"}, OK, "redis 6.2.0"},
		{"one before it", map[string]string{"redis_version": "6.0.20"}, Warning, "redis 6.0.20"},
		{"two digits are a number", map[string]string{"redis_version": "10.0.1"}, OK, "redis 10.0.1"},
		{"a Valkey has a version of its own", map[string]string{"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "8.1.0"}, OK, "valkey 8.1.0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := server(t.Context(), &node{info: row.info}, Patient{})
			if err != nil || len(got) != 1 || got[0].Severity != row.want || !strings.HasPrefix(got[0].Message, row.says) {
				t.Errorf("got %v and %v, want %s beginning with %q", got, err, row.want, row.says)
			}
		})
	}
}

func TestReplicas(t *testing.T) {
	for _, row := range []struct{ name, text, says string }{
		{"up to date", "ip=10.0.0.2,port=6379,state=online,offset=1000,lag=1", ""},
		{"still copying", "ip=10.0.0.2,port=6379,state=wait_bgsave,offset=0,lag=0", "the replica 10.0.0.2:6379 is not in sync, but in state wait_bgsave"},
		{"silent", "ip=10.0.0.2,port=6379,state=online,offset=1000,lag=11", "the replica 10.0.0.2:6379 was last heard of 11 s ago"},
		{"behind", "ip=10.0.0.2,port=6379,state=online,offset=0,lag=0", "the replica 10.0.0.2:6379 is 2000000 bytes behind"},
	} {
		offset := int64(1000)
		if row.name == "behind" {
			offset = 2_000_000
		}
		t.Run(row.name, func(t *testing.T) {
			got, behind := replica(row.text, offset)
			if got.Message != row.says || behind != (row.says != "") {
				t.Errorf("got %q, want %q", got.Message, row.says)
			}
		})
	}
}

func TestEvictionJudgesByWhatIsSet(t *testing.T) {
	for _, row := range []struct {
		name, policy, most, used, evicted string
		want                              []Severity
	}{
		{"no bound", "noeviction", "0", "500", "0", []Severity{OK}},
		{"a bound that fails checks", "noeviction", "1000", "500", "0", []Severity{OK}},
		{"a policy that waits for a bound", "volatile-ttl", "0", "500", "0", []Severity{Note}},
		{"a policy that drops limits", "allkeys-lru", "1000", "500", "0", []Severity{Warning}},
		{"nearly full", "noeviction", "1000", "950", "0", []Severity{OK, Warning}},
		{"it has happened", "allkeys-lru", "1000", "950", "7", []Severity{Warning, Warning, Warning}},
	} {
		t.Run(row.name, func(t *testing.T) {
			findings, err := eviction(t.Context(), &node{info: map[string]string{
				"maxmemory_policy": row.policy, "maxmemory": row.most, "used_memory": row.used, "evicted_keys": row.evicted}}, Patient{})
			var got []Severity
			for _, f := range findings {
				got = append(got, f.Severity)
				if (f.Severity == OK) != (f.Advice == "") {
					t.Errorf("%v: want advice with all but ok", f)
				}
			}
			if diff := cmp.Diff(row.want, got); diff != "" || err != nil {
				t.Errorf("%v; severities (-want +got)\n%s", err, diff)
			}
		})
	}
}

func TestTimes(t *testing.T) {
	for _, row := range []struct {
		name string
		skew time.Duration
		want Severity
	}{
		{"a network's own doubt", 20 * time.Millisecond, OK},
		{"behind, to note", -200 * time.Millisecond, Note},
		{"ahead, to warn of", 2 * time.Second, Warning},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := judgeSkew(row.skew, 0); got.Severity != row.want {
				t.Errorf("got %v, want %s", got, row.want)
			}
		})
	}
	near, far := 200*time.Microsecond, 30*time.Millisecond
	for _, row := range []struct {
		name string
		far  int // of ten round trips
		want Severity
	}{
		{"a healthy link", 0, OK},
		{"one in ten too long", 2, Warning},
		{"all too long", 10, Warning},
	} {
		t.Run(row.name, func(t *testing.T) {
			var took []time.Duration
			for i := range 10 {
				if i < row.far {
					took = append(took, far)
				} else {
					took = append(took, near)
				}
			}
			if got := judgeTrips(took); got.Severity != row.want {
				t.Errorf("got %v, want %s", got, row.want)
			}
		})
	}
}

func TestSlots(t *testing.T) {
	at := func(port int64) any { return []any{[]byte("10.0.0.1"), port, []byte("id")} }
	for _, row := range []struct {
		name  string
		slots []any
		want  []Finding
		nodes []place
	}{
		{"all served, each by two", []any{
			[]any{int64(0), int64(8191), at(7000), at(7003)}, []any{int64(8192), int64(16383), at(7001), at(7004)}},
			[]Finding{{Severity: OK, Message: "all 16384 slots are served, by 2 masters"}},
			[]place{{"10.0.0.1:7000", "rediss://u:p@10.0.0.1:7000", false}, {"10.0.0.1:7003", "rediss://u:p@10.0.0.1:7003", true},
				{"10.0.0.1:7001", "rediss://u:p@10.0.0.1:7001", false}, {"10.0.0.1:7004", "rediss://u:p@10.0.0.1:7004", true}}},
		{"a hole", []any{
			[]any{int64(0), int64(99), at(7000)}, []any{int64(200), int64(16383), at(7000)}},
			[]Finding{
				{Severity: Error, Message: "100 of 16384 slots are served by nobody: the checks of their keys fail", Advice: "redis-cli --cluster check, then --cluster fix"}},
			[]place{{"10.0.0.1:7000", "rediss://u:p@10.0.0.1:7000", false}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			for i := range row.want {
				row.want[i].Node, row.want[i].Check = "the cluster", "slots"
			}
			nodes, findings, err := examineSlots("rediss+cluster://u:p@10.0.0.9:7009,10.0.0.8:7008", row.slots)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, findings); diff != "" {
				t.Errorf("findings (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(row.nodes, nodes, cmp.AllowUnexported(place{})); diff != "" {
				t.Errorf("nodes (-want +got)\n%s", diff)
			}
		})
	}
}
