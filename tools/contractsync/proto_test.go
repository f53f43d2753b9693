package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSyncSaysWhatChangedInTheProto(t *testing.T) {
	replace := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(fixtureProto) }
	for _, tt := range []struct{ name, reason, proto, want string }{
		{"rpc and messages more", "the everyday reason to sync",
			replace("rpc Ask(", "rpc Tell(TellRequest) returns (TellResponse); rpc Ask(", "enum", "message TellRequest {} message TellResponse {} enum"),
			"rpcs: added Asker.Tell\nmessages: added TellRequest, TellResponse\n"},
		{"rpc altered", "it streams now",
			replace("(AskResponse)", "(stream AskResponse)"),
			"rpcs: altered Asker.Ask\n"},
		{"service more", "with an rpc of the same name",
			replace("message AskRequest", "service Other { rpc Ask(AskRequest) returns (AskResponse); } message AskRequest"),
			"services: added Other\nrpcs: added Other.Ask\n"},
		{"field more, less, other", "a message is altered by its fields, which are named",
			replace("string key = 1; int64 cost = 2;", "bytes key = 1; bool dry = 3;"),
			"messages: altered AskRequest\nfields of AskRequest: added dry; removed cost; altered key\n"},
		{"reservation", "a message is altered by what it reserves",
			replace("string key = 1;", "string key = 1; reserved 9;"),
			"messages: altered AskRequest\n"},
		{"message and enum renamed", "a rename is one less and one more",
			replace("enum Axis", "enum Pole", "AskResponse", "AskReply"),
			"rpcs: altered Asker.Ask\nmessages: added AskReply; removed AskResponse\nenums: added Pole; removed Axis\n"},
		{"enum value", "an enum is told as a whole",
			replace("AXIS_UNSPECIFIED = 0;", "AXIS_UNSPECIFIED = 0; AXIS_RATE = 1;"),
			"enums: altered Axis\n"},
		{"package", "it belongs to no declaration",
			replace("throttlekit.v1", "throttlekit.v2"),
			"proto: altered in its package, imports or options, or in the order of its declarations\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			into, f := vendoredFolder(t, newFixture()), newFixture()
			f.proto = tt.proto
			got := must(t, "--source", folderOf(t, f.core(t)), "--into", into, "--allow-breaking")
			if diff := cmp.Diff(tt.want+"files: 2 written, 0 removed\n", got); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBufDecidesAboutTheProto(t *testing.T) {
	if _, err := exec.LookPath("buf"); err != nil {
		if os.Getenv("THROTTLEKIT_REQUIRE_BUF") == "1" {
			t.Fatalf("THROTTLEKIT_REQUIRE_BUF=1, and there is no buf on PATH: %v", err)
		}
		t.Skip("needs a buf on PATH")
	}
	into, f := vendoredFolder(t, newFixture()), newFixture()
	f.proto = strings.Replace(fixtureProto, "cost = 2;", "cost = 2; bool dry = 3;", 1)
	must(t, "--source", folderOf(t, f.core(t)), "--into", into)

	f.proto = strings.Replace(f.proto, "dry = 3", "dry = 4", 1)
	before := tree(t, into)
	got := contractsync(t, "--source", folderOf(t, f.core(t)), "--into", into)
	for _, want := range []string{
		"contractsync: refused, nothing was written:\nthe proto breaks those who speak the vendored one; buf breaking (WIRE_JSON) says:\n  source/throttlekit.proto:7:",
		`Previously present field "3" with name "dry" on message "AskRequest" was deleted`,
		"\n--allow-breaking takes it over all the same\n",
	} {
		if got.code != 1 || !strings.Contains(got.stderr, want) {
			t.Errorf("exit code %d, %q, want it to say %q", got.code, got.stderr, want)
		}
	}
	wantUntouched(t, into, before)
}
