package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

// TestSecret asks for a secret on each channel, and calls with clients that others wrote.
func TestSecret(t *testing.T) {
	const secret, guess = "f2c1a7d09e5b4f6f8a3e0c9d7b6a5948", "0000000000000000"
	file := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, channel := range channels(t) {
		t.Run(channel.name, func(t *testing.T) {
			address := serve(t, append(channel.args[:len(channel.args):len(channel.args)], "--secret-file", file)...)
			url := channel.scheme + "://" + address
			ctx := timeout(t)

			conn := dial(t, channel, address)
			for shown, want := range map[string]codes.Code{"": codes.Unauthenticated, guess: codes.Unauthenticated, secret: codes.OK} {
				ctx := ctx
				if shown != "" {
					ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+shown)
				}
				if _, err := check(ctx, conn, "api", "grpc", 1); status.Code(err) != want {
					t.Errorf("grpc-go with %q: %v, want %v", shown, err, want)
				}
			}
			if _, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{}); err != nil {
				t.Errorf("a health check without the secret: %v", err)
			}

			for shown, want := range map[string]string{"": "401", guess: "401", secret: "200"} {
				args := append([]string{"-sS", "--http1.1", "--max-time", "10", "-o", os.DevNull, "-w", "%{http_code}", "-d", `{"policy":"api","key":"curl"}`,
					"-H", "Content-Type: application/json", "-H", "Authorization: Bearer " + shown}, channel.curl...)
				code, err := exec.Command("curl", append(args, url+"/throttlekit.v1.RateLimiter/Check")...).Output()
				if err != nil || string(code) != want {
					t.Errorf("curl with %q: %s (%v), want %s", shown, code, err, want)
				}
			}

			options := []servicedoor.Option{servicedoor.WithSecret(secret)}
			if channel.tls != nil {
				options = append(options, servicedoor.WithTLSConfig(channel.tls))
			}
			client, err := servicedoor.New(url, options...)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			everyOperation(t, client, "door")
		})
	}
}
