package e2e

import (
	"encoding/json"
	"os/exec"
	"testing"
)

func TestCurl(t *testing.T) {
	for _, channel := range channels(t) {
		t.Run(channel.name, func(t *testing.T) {
			base := channel.scheme + "://" + serve(t, channel.args...)
			post := func(method, body string) (answer map[string]any, code string) {
				t.Helper()
				args := append([]string{"-sS", "--http1.1", "--max-time", "10", "-w", "\n%{http_code}",
					"-H", "Content-Type: application/json", "-d", body}, channel.curl...)
				cmd := exec.Command("curl", append(args, base+"/throttlekit.v1.RateLimiter/"+method)...)
				cmd.Stderr = t.Output()
				out, err := cmd.Output()
				if err != nil {
					t.Fatal(err)
				}
				end := len(out) - 4 // a newline and the three digits of the status
				if err := json.Unmarshal(out[:end], &answer); err != nil {
					t.Fatalf("%s: %v", out, err)
				}
				return answer, string(out[end+1:])
			}
			answer, code := post("Check", `{"policy":"api","key":"k","cost":"2"}`)
			decision, _ := answer["decision"].(map[string]any)
			// 64-bit integers are strings in JSON, and what is zero is left out.
			if code != "200" || decision["allowed"] != true || decision["remaining"] != "3" || decision["retryAfterMs"] != nil {
				t.Errorf("status %s, %v", code, answer)
			}
			answer, code = post("Peek", `{"policy":"api","key":"k"}`)
			if decision, _ := answer["decision"].(map[string]any); code != "200" || decision["remaining"] != "3" {
				t.Errorf("status %s, %v", code, answer)
			}
			answer, code = post("Check", `{"policy":"nobody","key":"k"}`)
			if code != "404" || answer["code"] != "not_found" {
				t.Errorf("an unknown policy is status %s, %v", code, answer)
			}
			answer, code = post("Check", `{"policy":`)
			if code != "400" || answer["code"] != "invalid_argument" {
				t.Errorf("half a body is status %s, %v", code, answer)
			}
		})
	}
}
