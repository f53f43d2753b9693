package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"connectrpc.com/connect"

	"github.com/throttlekit/throttlekit-go/sdk/server"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

// One secret may do everything, the other one only look.
func ExampleWithAuthorization() {
	srv, err := server.New([]server.Policy{{Name: "api", Limiter: &three{}}},
		server.WithSecrets("b3f1e0c9-for-the-api", "77ac41d2-for-the-dashboard"), // in practice from a file
		server.WithAuthorization(func(_ context.Context, caller server.Caller) error {
			if caller.Spends() && caller.Secret != 0 {
				return errors.New("this secret is for looking only")
			}
			return nil
		}))
	if err != nil {
		fmt.Println(err)
		return
	}
	host := httptest.NewServer(srv)
	defer host.Close()

	for _, secret := range []string{"a-guess", "77ac41d2-for-the-dashboard", "b3f1e0c9-for-the-api"} {
		req, err := http.NewRequest(http.MethodPost, host.URL+"/throttlekit.v1.RateLimiter/Check", strings.NewReader(`{"policy": "api"}`))
		if err != nil {
			fmt.Println(err)
			return
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+secret)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		fmt.Println(res.StatusCode, strings.ReplaceAll(string(body), `, "`, `,"`))
	}
	// Output:
	// 401 {"code":"unauthenticated","message":"the secret is not one of this service's"}
	// 403 {"code":"permission_denied","message":"this secret is for looking only"}
	// 200 {"decision":{"allowed":true,"limit":"3","remaining":"2"}}
}

// Each team's secret is for that team's policies: what a call may do depends on its request.
func ExampleCallerFrom() {
	policies := [][]string{{"search"}, {"mail", "sms"}} // of each secret
	ownPolicies := connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
			asked, ok := req.Any().(interface{ GetPolicy() string })
			caller, known := server.CallerFrom(ctx)
			if ok && known && !slices.Contains(policies[caller.Secret], asked.GetPolicy()) {
				return nil, connect.NewError(connect.CodePermissionDenied, errors.New("this policy is another team's"))
			}
			return next(ctx, req)
		}
	})
	srv, err := server.New([]server.Policy{{Name: "search", Limiter: &three{}}, {Name: "mail", Limiter: &three{}}},
		server.WithSecrets("b3f1e0c9-for-search", "77ac41d2-for-messages"), // in practice from a file
		server.WithHandlerOptions(connect.WithInterceptors(ownPolicies)))
	if err != nil {
		fmt.Println(err)
		return
	}
	host := httptest.NewServer(srv)
	defer host.Close()
	client, err := servicedoor.New(host.URL, servicedoor.WithConnect(), servicedoor.WithSecret("77ac41d2-for-messages"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	for _, policy := range []string{"mail", "search"} {
		decision, err := client.Check(context.Background(), policy, "alice")
		fmt.Println(policy, decision.Allowed, err)
	}
	// Output:
	// mail true <nil>
	// search false throttlekit: check (server): permission_denied: this policy is another team's
}
