package vectorfile_test

import (
	"fmt"
	"os"
	"strings"

	"github.com/throttlekit/throttlekit-go/tools/vectors/vectorfile"
)

func ExampleLoad() {
	file, err := vectorfile.Load(strings.NewReader(`{
	  "contractVersion": "1",
	  "suites": [{
	    "primitive": "rateLimit", "name": "old/cold", "key": "k",
	    "strategy": {"kind": "fixedWindow", "options": {"limit": 5, "windowMs": 1000}},
	    "ops": [{"now": 0, "cost": 1, "expect":
	      {"allowed": true, "limit": 5, "remaining": 4, "resetAt": 1000, "retryAfterMs": 0}}]
	  }]
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, suite := range file.Suites {
		if suite.Primitive != vectorfile.RateLimit {
			continue // no script to replay it with
		}
		shift := suite.Shift()
		for _, op := range suite.Ops {
			fmt.Println(suite.Name, "send now", op.Now+shift, "expect reset", op.Expect.ResetAt+shift)
		}
	}
	// Output: old/cold send now 1000 expect reset 2000
}

func ExampleParse() {
	_, err := vectorfile.Parse([]byte(`{"suites": [
	  {"primitive": "rateLimit", "name": "s/one", "strategy": {"kind": "s"}, "ops": [{"cost": 1}]}
	]}`))
	fmt.Println(err)
	// Output: golden vectors: suites[0] "s/one": ops[0]: now is missing
}

func ExampleFile_Encode() {
	file := vectorfile.File{
		ContractVersion: "1",
		GeneratedFrom:   "example@1.0.0",
		Suites: []vectorfile.Suite{{
			Primitive: vectorfile.Lease,
			Name:      "lease/short",
			Spender:   vectorfile.Spender{Limit: 5, WindowCoupled: true},
			Events: []vectorfile.Event{
				{Op: vectorfile.Spend, Now: 1000, Cost: 1, Expect: vectorfile.Spent{NeedsRefresh: true}},
			},
		}},
	}
	text, err := file.Encode()
	if err != nil {
		fmt.Println(err)
		return
	}
	os.Stdout.Write(text)
	// Output:
	// {
	//   "contractVersion": "1",
	//   "generatedFrom": "example@1.0.0",
	//   "frozen": false,
	//   "decisionFields": ["allowed","limit","remaining","resetAt","retryAfterMs"],
	//   "suites": [
	//     {
	//       "primitive": "lease",
	//       "name": "lease/short",
	//       "limit": 5,
	//       "ttlMs": 0,
	//       "windowCoupled": true,
	//       "events": [
	//         {"op":"spend","now":1000,"cost":1,"expect":{"needsRefresh":true}}
	//       ]
	//     }
	//   ]
	// }
}
