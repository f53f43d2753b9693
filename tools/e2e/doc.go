// Package e2e tests `throttlekit serve` as a process of its own: over plain HTTP/2, TLS
// and mutual TLS, with the SDK's service door, with grpc-go, through server reflection,
// and with curl.
package e2e
