// Package network is the ways to a server that a scenario spoils.
package network

import (
	"encoding/json"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

type Toxic struct {
	// Address is where to dial: host:port.
	Address string

	tb    testing.TB
	proxy *toxiproxy.Proxy
}

// StartToxic opens a way to the server at address, and closes it with the test.
func StartToxic(tb testing.TB, address string) *Toxic {
	tb.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "way", "127.0.0.1:0", address)
	if err := proxy.Start(); err != nil {
		tb.Fatal(err)
	}
	t := &Toxic{Address: proxy.Listen, tb: tb, proxy: proxy}
	tb.Cleanup(t.Close)
	return t
}

// Both lays a toxic on both directions. What it is called and what its attributes are is
// toxiproxy's: https://github.com/Shopify/toxiproxy#toxics
func (t *Toxic) Both(kind string, attributes map[string]int) {
	t.tb.Helper()
	t.lay(kind, "upstream", attributes)
	t.lay(kind, "downstream", attributes)
}

func (t *Toxic) lay(kind, stream string, attributes map[string]int) {
	t.tb.Helper()
	toxic, err := json.Marshal(map[string]any{"type": kind, "stream": stream, "attributes": attributes})
	if err != nil {
		t.tb.Fatal(err)
	}
	if _, err := t.proxy.Toxics.AddToxicJson(strings.NewReader(string(toxic))); err != nil {
		t.tb.Fatal(err)
	}
}

// Heal takes all toxics away.
func (t *Toxic) Heal() { t.proxy.Toxics.ResetToxics(t.tb.Context()) }

// Close closes the way and all connections on it.
func (t *Toxic) Close() { t.proxy.Stop() }
