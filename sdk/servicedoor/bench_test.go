package servicedoor_test

import (
	"testing"

	"github.com/throttlekit/throttlekit-go/sdk/server"
)

// BenchmarkCheck is one check over gRPC on loopback, both sides in this process, with a
// limiter that costs next to nothing: the price of the door.
func BenchmarkCheck(b *testing.B) {
	srv, err := server.New([]server.Policy{{Name: "api", Limiter: &bucket{spent: map[string]int64{}}}})
	if err != nil {
		b.Fatal(err)
	}
	host := listen(b, srv)
	for _, p := range protocols {
		b.Run(p.name, func(b *testing.B) {
			client := dial(b, host.URL, p.options...)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Check(b.Context(), "api", aKey); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
