package e2e

import (
	"crypto/tls"
	"errors"
	"testing"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

func TestServiceDoor(t *testing.T) {
	for _, channel := range channels(t) {
		t.Run(channel.name, func(t *testing.T) {
			address := channel.scheme + "://" + serve(t, channel.args...)
			for name, options := range map[string][]servicedoor.Option{
				"gRPC":     nil,
				"Connect":  {servicedoor.WithConnect()},
				"gRPC-Web": {servicedoor.WithGRPCWeb()},
			} {
				t.Run(name, func(t *testing.T) {
					if channel.tls != nil {
						options = append(options, servicedoor.WithTLSConfig(channel.tls))
					}
					client, err := servicedoor.New(address, options...)
					if err != nil {
						t.Fatal(err)
					}
					defer client.Close()
					everyOperation(t, client, name)
				})
			}
		})
	}
}

// everyOperation goes through all that a client does, on a key of its own.
func everyOperation(t *testing.T, client *servicedoor.Client, key string) {
	t.Helper()
	ctx := timeout(t)
	decided := func(d throttlekit.Decision, err error) throttlekit.Decision {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := decided(client.CheckN(ctx, "api", key, 4)); !d.Allowed || d.Limit != 5 || d.Remaining != 1 || d.ResetAt.IsZero() {
		t.Errorf("four of five is %+v", d)
	}
	if d := decided(client.Peek(ctx, "api", key)); !d.Allowed || d.Remaining != 1 {
		t.Errorf("a look at what is left is %+v", d)
	}
	if d := decided(client.CheckN(ctx, "api", key, 2)); d.Allowed || d.Remaining != 1 || d.RetryAfter <= 0 {
		t.Errorf("two where one is left is %+v", d)
	}
	forecast, err := client.Forecast(ctx, "api", key, 1)
	if err != nil || forecast.SpendableNow != 1 || !forecast.FullAt.After(forecast.NextReplenishAt) {
		t.Errorf("the forecast is %+v, %v", forecast, err)
	}
	many, err := client.CheckMany(ctx, "uploads", []string{key, key + "2", key}, 50)
	if err != nil || len(many) != 3 || many[0].Remaining != 50 || many[1].Remaining != 50 || many[2].Remaining != 0 {
		t.Errorf("many are %+v, %v", many, err)
	}
	_, err = client.Check(ctx, "nobody", key)
	if !errors.Is(err, throttlekit.ErrPolicyNotFound) {
		t.Errorf("an unknown policy is %v", err)
	}
	contains(t, err.Error(), `"api", "uploads", "later"`)
	_, err = client.Check(ctx, "later", key)
	if !errors.Is(err, throttlekit.ErrNotSupported) {
		t.Errorf("a policy of another axis is %v", err)
	}
	contains(t, err.Error(), `"later"`)
}

func TestStrangersAreTurnedAway(t *testing.T) {
	all := channels(t)
	mutual := all[2]
	address := "https://" + serve(t, mutual.args...)
	client, err := servicedoor.New(address, servicedoor.WithTLSConfig(&tls.Config{RootCAs: mutual.tls.RootCAs}))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Check(timeout(t), "api", "k"); err == nil {
		t.Error("a client without a certificate was served")
	}
}
