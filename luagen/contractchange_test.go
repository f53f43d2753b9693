package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What the shop's programs print. The numbers follow from the scripts' comments by
// hand: a gate of 3 a minute, a drip of one unit a second and 4 at once, a purse of 10
// with half a unit a second.
const (
	shopOutput = `gate cost 1 at +0: allowed=true limit=3 remaining=2 reset=+60000 retry=0
gate cost 2 at +0: allowed=true limit=3 remaining=0 reset=+60000 retry=0
gate cost 1 at +59999: allowed=false limit=3 remaining=0 reset=+60000 retry=1
gate cost 1 at +60000: allowed=true limit=3 remaining=2 reset=+120000 retry=0
drip cost 3 at +0: allowed=true limit=4 remaining=1 reset=+3000 retry=0
drip cost 2 at +0: allowed=false limit=4 remaining=1 reset=+3000 retry=1000
drip cost 2 at +1000: allowed=true limit=4 remaining=0 reset=+5000 retry=0
`
	savingsOutput = `purse cost 10 at +0: allowed=true limit=10 remaining=0 reset=+20000 retry=0
purse cost 1 at +1000: allowed=false limit=10 remaining=0 reset=+20000 retry=1000
purse cost 1 at +2000: allowed=true limit=10 remaining=0 reset=+22000 retry=0
`
	queueOutput = `typed cost 2 at +0: allowed=true limit=2 remaining=2500 reset=+1500 retry=0
typed cost 1 at +0: allowed=false limit=2 remaining=2500 reset=+1500 retry=7
raw cost 2 at +0: allowed=true limit=2 remaining=2500 reset=+1500 retry=0
raw cost 1 at +0: allowed=false limit=2 remaining=2500 reset=+1500 retry=7
`
)

// TestContractChange holds the first promise: a contract that changes needs no
// hand-written line. One module of a user's is generated, built and run again and
// again, and nothing in it is edited but what luagen writes.
func TestContractChange(t *testing.T) {
	shop := newShop(t)

	t.Run("as it stands", func(t *testing.T) {
		shop.generate(t, shopContract(t))
		shop.build(t, "./...")
		expect(t, shopOutput, shop.run(t, "shop"))
		expect(t, shopOutput, shop.run(t, "local"))
		expect(t, savingsOutput, shop.run(t, "savings"))
	})

	t.Run("ARGV of two scripts permuted", func(t *testing.T) {
		changed := shopContract(t)
		changed.script("gate").permute("now", "cost", "windowMs", "limit")
		changed.script("drip").permute("now", "burst", "cost", "limit", "periodMs")
		shop.generate(t, changed)
		shop.build(t, ".", "./local")
		expect(t, shopOutput, shop.run(t, "shop"))
		expect(t, shopOutput, shop.run(t, "local"))
	})

	t.Run("replyTuple in another order", func(t *testing.T) {
		changed := shopContract(t)
		changed.reorderReply(t, "retryAfterMs", "resetAt", "allowed", "remaining", "limit")
		shop.generate(t, changed)
		shop.build(t, ".", "./local")
		expect(t, shopOutput, shop.run(t, "shop"))
		expect(t, shopOutput, shop.run(t, "local"))
	})

	t.Run("a script that decides otherwise", func(t *testing.T) {
		changed := shopContract(t)
		changed.script("gate").replace(t, "through + cost <= limit", "through + cost < limit")
		changed.script("drip").replace(t, "math.floor(limit", "math.ceil(0.5 + limit")
		shop.generate(t, changed)
		shop.build(t, ".", "./local")
		said := shop.run(t, "shop")
		if said == shopOutput {
			t.Error("the change decides nothing otherwise, and so shows nothing")
		}
		expect(t, said, shop.run(t, "local"))
	})

	t.Run("a script that is not translated", func(t *testing.T) {
		changed := shopContract(t)
		changed.script("drip").replace(t, "local step =", "local ignored = string.rep('-', 3)\nlocal step =")
		said := shop.generate(t, changed)
		if want := "scripts/drip.check.lua:9: calls string.rep, which is not translated; it gets no in-process form"; !strings.Contains(said, want) {
			t.Errorf("luagen said\n%swant %q", said, want)
		}
		shop.build(t, ".", "./local")
		expect(t, shopOutput, shop.run(t, "shop"))
		output, err := exec.Command(filepath.Join(shop.path("bin"), "local")).CombinedOutput()
		if want := "strategy drip has no in-process form: scripts/drip.check.lua:9 calls string.rep"; err == nil || !strings.Contains(string(output), want) {
			t.Errorf("local ends with %v and says\n%swant %q", err, output, want)
		}
		gates, _, _ := strings.Cut(shopOutput, "drip")
		if !strings.HasPrefix(string(output), gates) {
			t.Errorf("local says\n%swant the gate's decisions first", output)
		}
	})

	t.Run("a strategy more", func(t *testing.T) {
		changed := shopContract(t)
		changed.scripts = append(changed.scripts, loadCheck(t, "leaky-queue", "now", "cost", "holdMs", "drainPerSec", "lanes"))
		said := shop.generate(t, changed)
		for _, field := range []string{"Hold time.Duration", "DrainPerSec float64", "Lanes int64"} {
			if !strings.Contains(said, "field "+field) {
				t.Errorf("luagen does not say that it made field %s of a name it does not know; it said:\n%s", field, said)
			}
		}
		// The one new file is the user's, who wants the new strategy.
		writeFile(t, shop.path("queue/main.go"), readFile(t, "testdata/shop/queue.go.txt"))
		t.Cleanup(func() { _ = os.RemoveAll(shop.path("queue")) })
		shop.build(t, ".", "./queue")
		expect(t, shopOutput, shop.run(t, "shop"))
		expect(t, queueOutput, shop.run(t, "queue"))
	})

	t.Run("a strategy less", func(t *testing.T) {
		changed := shopContract(t)
		changed.scripts = slices.DeleteFunc(changed.scripts, func(s *checkScript) bool { return s.strategy == "purse" })
		shop.generate(t, changed)
		if _, err := os.Stat(shop.path("strategy/purse.lua.go")); !os.IsNotExist(err) {
			t.Errorf("the strategy's file is still there: %v", err)
		}
		shop.build(t, ".")
		expect(t, shopOutput, shop.run(t, "shop"))
		expectCompileError(t, shop, "./savings", "undefined: strategy.Purse")
	})

	t.Run("an SDK that is too old", func(t *testing.T) {
		shop.generate(t, shopContract(t))
		index := shop.path("strategy/strategies.lua.go")
		const generation, newer = "ToGeneration1", "ToGeneration9"
		text := readFile(t, index)
		if !strings.Contains(text, generation) {
			t.Fatalf("%s does not name %s", index, generation)
		}
		writeFile(t, index, strings.ReplaceAll(text, generation, newer))
		expectCompileError(t, shop, "./strategy", "undefined: script.UpgradeThrottleKitSDK"+newer)
	})
}

// TestGoldenOutputIsGood runs go vet, and so the compiler, over what luagen makes of
// every golden contract and of the shop's, in a user's module.
func TestGoldenOutputIsGood(t *testing.T) {
	shop := newShop(t)
	shop.generate(t, shopContract(t))
	cases, err := filepath.Glob("internal/gen/testdata/golden/*/contract")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no golden contracts: %v", err)
	}
	for _, contract := range cases {
		name := filepath.Base(filepath.Dir(contract))
		if err := run([]string{"-contract", contract, "-out", shop.path("golden/" + name), "-package", strings.ToLower(name)}, io.Discard, io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	shop.mustCommand(t, "vet", "./...")
}

func expect(t *testing.T, want, got string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decisions (-want +got):\n%s", diff)
	}
}

func expectCompileError(t *testing.T, shop *shop, pkg, want string) {
	t.Helper()
	output, err := shop.command("build", "-o", os.DevNull, pkg)
	if err == nil || !strings.Contains(output, want) {
		t.Errorf("building %s: got error %v and output\n%swant an error that says %q", pkg, err, output, want)
	}
}
