package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/throttlekit/throttlekit-go/sdk/server"
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
