package server_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/throttlekit/throttlekit-go/sdk/server"
)

// TestWrongJSON is told where it is wrong, and not what stands there, which may be a key.
func TestWrongJSON(t *testing.T) {
	r := start(t, []server.Policy{{Name: "api", Limiter: echo()}})
	for _, row := range []struct{ name, body, want string }{
		{"a key that is a number", `{"policy":"api","key":4711}`, "(line 1:23): invalid value for string field key"},
		{"one without quotes", `{"policy":"api","key":k4711}`, "syntax error (line 1:23)"},
		{"one that a quote cuts short", `{"policy":"api","key":"k"4711"}`, "syntax error (line 1:26)"},
		{"one behind the rest", "{\"policy\":\"api\"}\nk4711", "syntax error (line 2:1)"},
		{"nothing but a key", `"k4711"`, "syntax error (line 1:1)"},
		{"a key as its cost", `{"policy":"api","cost":"k4711"}`, "(line 1:24): invalid value for int64 field cost"},
		{"one that never ends", `{"policy":"api","key":"k4711`, "the body ends early, or is no JSON of this request"},
	} {
		t.Run(row.name, func(t *testing.T) {
			res, err := client(t, &http.Transport{}).Post(r.url+checkPath, jsonType, strings.NewReader(row.body))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			want := `{"code":"invalid_argument","message":"unmarshal message: ` + row.want + `"}`
			if err != nil || res.StatusCode != http.StatusBadRequest || string(body) != want {
				t.Errorf("status %d %s (%v)\nwant   400 %s", res.StatusCode, body, err, want)
			}
			if strings.Contains(string(body), "4711") {
				t.Errorf("the key is in %s", body)
			}
		})
	}
}
