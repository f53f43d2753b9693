package server_test

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/throttlekit/throttlekit-go/sdk/server"
)

// checkOf is a CheckRequest of policy api in protobuf, with more fields behind it.
func checkOf(more string) string { return "\x0a\x03api" + more }

func gzipped(name string) http.Header { return http.Header{name: {"gzip"}} }

var attacksByMessage = []attack{
	{"a message of 4 MiB and a byte", "memory", func(b *besieged) string {
		return b.proto(checkPath, strings.Repeat("\x00", 4<<20+1))
	}},
	{"the same over gRPC", "memory", func(b *besieged) string {
		return b.grpc(strings.Repeat("\x00", 4<<20+1))
	}},
	{"a health check of 16 KiB and a byte", "memory, without a secret", func(b *besieged) string {
		return b.proto("/grpc.health.v1.Health/Check", strings.Repeat("\x00", server.MaxProbeBytes+1))
	}},
	{"1 GiB of zeros as 1 MiB of gzip", "memory", func(b *besieged) string {
		return b.ask(asking{contentType: protoType, header: gzipped("Content-Encoding"), body: strings.NewReader(bomb(64))})
	}},
	{"the same zeros as JSON", "memory", func(b *besieged) string {
		return b.ask(asking{contentType: jsonType, header: gzipped("Content-Encoding"), body: strings.NewReader(bomb(64))})
	}},
	{"the same zeros over gRPC", "memory", func(b *besieged) string {
		return b.ask(asking{contentType: grpcType, header: gzipped("Grpc-Encoding"), body: strings.NewReader(enveloped(1, bomb(64)))})
	}},
	{"the same zeros for a health check", "memory, without a secret", func(b *besieged) string {
		return b.ask(asking{path: "/grpc.health.v1.Health/Check", contentType: grpcType, header: gzipped("Grpc-Encoding"),
			body: strings.NewReader(enveloped(1, bomb(64)))})
	}},
	{"gzip that is none", "parser", func(b *besieged) string {
		return b.ask(asking{contentType: protoType, header: gzipped("Content-Encoding"), body: strings.NewReader("no gzip")})
	}},
	{"gzip that ends early", "parser", func(b *besieged) string {
		return b.ask(asking{contentType: protoType, header: gzipped("Content-Encoding"), body: strings.NewReader(bomb(1)[:1000])})
	}},
	{"an encoding that nobody knows", "parser", func(b *besieged) string {
		return b.ask(asking{contentType: protoType, header: http.Header{"Content-Encoding": {"br"}}, body: strings.NewReader("x")})
	}},
	{"gRPC, compressed without saying how", "parser", func(b *besieged) string {
		return b.ask(asking{contentType: grpcType, body: strings.NewReader(enveloped(1, checkOf("")))})
	}},
	{"gRPC, a length of 4 GiB and 3 bytes", "memory", func(b *besieged) string {
		return b.ask(asking{contentType: grpcType, body: strings.NewReader("\x00\xff\xff\xff\xffabc")})
	}},
	{"gRPC, a frame that ends early", "parser", func(b *besieged) string {
		return b.ask(asking{contentType: grpcType, body: strings.NewReader("\x00\x00\x00\x00\x09abc")})
	}},
	{"gRPC, half a frame's head", "parser", func(b *besieged) string {
		return b.ask(asking{contentType: grpcType, body: strings.NewReader("\x00\x00")})
	}},
	{"gRPC, flags that there are not", "parser", func(b *besieged) string {
		return b.ask(asking{contentType: grpcType, body: strings.NewReader(enveloped(0x7e, checkOf("")))})
	}},
	{"gRPC, two messages in a call for one", "state", func(b *besieged) string {
		return b.ask(asking{contentType: grpcType, body: strings.NewReader(strings.Repeat(enveloped(0, checkOf("")), 2))})
	}},
	{"gRPC, no message", "state", func(b *besieged) string {
		return b.ask(asking{contentType: grpcType, body: strings.NewReader("")})
	}},
	{"gRPC, a timeout that is none", "parser", func(b *besieged) string {
		return b.ask(asking{contentType: grpcType, header: http.Header{"Grpc-Timeout": {"soon"}}, body: strings.NewReader(enveloped(0, checkOf("")))})
	}},
	{"gRPC, a timeout of 11,000 years", "arithmetic", func(b *besieged) string {
		return b.ask(asking{contentType: grpcType, header: http.Header{"Grpc-Timeout": {"99999999H"}}, body: strings.NewReader(enveloped(0, checkOf("")))})
	}},
	{"protobuf that is none", "parser", func(b *besieged) string { return b.proto(checkPath, "\xff\xff\xff\xff"+aKey) }},
	{"a key that is not UTF-8", "encoding", func(b *besieged) string { return b.proto(checkPath, checkOf("\x12\x02\xff\xfe")) }},
	{"a policy that is not UTF-8", "encoding", func(b *besieged) string { return b.proto(checkPath, "\x0a\x02\xff\xfe") }},
	{"a policy in JSON that is not UTF-8", "encoding", func(b *besieged) string { return b.json("{\"policy\":\"\xff\xfe\"}") }},
	{"half a surrogate pair in JSON", "encoding", func(b *besieged) string { return b.json(`{"policy":"api","key":"\ud800"}`) }},
	{"NUL in a key", "encoding", func(b *besieged) string { return b.json(`{"policy":"api","key":"a\u0000b"}`) }},
	{"protobuf groups, a million deep", "stack", func(b *besieged) string { return b.proto(checkPath, checkOf(strings.Repeat("\x7b", 1_000_000))) }},
	{"a million unknown fields", "memory and time", func(b *besieged) string {
		return b.proto(checkPath, checkOf(strings.Repeat("\x78\x01", 1_000_000)))
	}},
	{"arrays in JSON, a million deep", "stack", func(b *besieged) string { return b.json(`{"x":` + strings.Repeat("[", 1_000_000)) }},
	{"objects in JSON, 100,000 deep, and closed", "stack", func(b *besieged) string {
		return b.json(`{"policy":"api","x":` + strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000) + "}")
	}},
	{"an unknown field in JSON", "parser", func(b *besieged) string { return b.json(`{"policy":"api","surprise":[1,{"a":null}]}`) }},
	{"a field of JSON twice", "parser", func(b *besieged) string { return b.json(`{"policy":"api","policy":"api"}`) }},
	{"JSON, and something behind it", "parser", func(b *besieged) string { return b.json(`{"policy":"api"} {"policy":"api"}`) }},
	{"half of a JSON text", "parser", func(b *besieged) string { return b.json(`{"policy":"api","key":"` + aKey) }},
	{"JSON that is no object", "parser", func(b *besieged) string { return b.json(`["api"]`) }},
	{"nothing, as JSON", "parser", func(b *besieged) string { return b.json(``) }},
	{"a cost of 1e400", "arithmetic", func(b *besieged) string { return b.json(`{"policy":"api","cost":1e400}`) }},
	{"a cost of 1.5", "arithmetic", func(b *besieged) string { return b.json(`{"policy":"api","cost":1.5}`) }},
	{"a cost of 2^53", "arithmetic", func(b *besieged) string { return b.json(`{"policy":"api","cost":"9007199254740992"}`) }},
	{"a cost of 2^64", "arithmetic", func(b *besieged) string { return b.json(`{"policy":"api","cost":"18446744073709551616"}`) }},
	{"a cost of -1, which means 1", "giving a limit back", func(b *besieged) string { return b.json(`{"policy":"api","cost":-1}`) }},
	{"a cost that is a text", "parser", func(b *besieged) string { return b.json(`{"policy":"api","cost":"NaN"}`) }},
	{"a key of 4 KiB and a byte", "memory in Redis", func(b *besieged) string {
		return b.json(`{"policy":"api","key":"` + strings.Repeat("k", server.MaxKeyBytes+1) + `"}`)
	}},
	{"10,001 keys", "time in Redis", func(b *besieged) string {
		return b.proto(checkManyPath, checkOf(strings.Repeat("\x12\x00", server.MaxKeys+1)))
	}},
	{"two million empty keys in 4 MiB", "memory", func(b *besieged) string {
		return b.proto(checkManyPath, checkOf(strings.Repeat("\x12\x00", 2<<20-8)))
	}},
	{"1.3 million empty keys in 4 MiB of JSON", "memory", func(b *besieged) string {
		return b.ask(asking{path: checkManyPath, contentType: jsonType, body: strings.NewReader(`{"policy":"api","keys":[""` + strings.Repeat(`,""`, 4<<20/3-16) + "]}")})
	}},
	{"a policy's name of 1 MiB", "logs and messages", func(b *besieged) string {
		return b.json(`{"policy":"` + strings.Repeat("p", 1<<20) + `"}`)
	}},
	{"another content type", "parser", func(b *besieged) string {
		return b.ask(asking{contentType: "text/xml", body: strings.NewReader("<policy/>")})
	}},
	{"no content type", "parser", func(b *besieged) string { return b.ask(asking{body: strings.NewReader(asking1)}) }},
	{"a content type of 16 KiB", "memory", func(b *besieged) string {
		return b.ask(asking{contentType: "application/" + strings.Repeat("x", 16<<10), body: strings.NewReader("x")})
	}},
	{"a browser's form, as from another site", "somebody else's browser", func(b *besieged) string {
		return b.ask(asking{contentType: "application/x-www-form-urlencoded", header: http.Header{"Origin": {"https://evil.example"}}, body: strings.NewReader("policy=api")})
	}},
	{"GET with the message in the address", "somebody else's browser", func(b *besieged) string {
		return b.ask(asking{method: http.MethodGet, path: checkPath + `?connect=v1&encoding=json&message=%7B%22policy%22%3A%22api%22%7D`})
	}},
	{"a method that there is not", "routing", func(b *besieged) string {
		return b.ask(asking{path: "/throttlekit.v1.RateLimiter/Drain", contentType: jsonType, body: strings.NewReader("{}")})
	}},
}

// attacksOnAGuard come from somebody without the secret.
var attacksOnAGuard = []attack{
	{"no secret, and 1 GiB of zeros as 1 MiB of gzip", "memory", func(b *besieged) string {
		return b.ask(asking{contentType: jsonType, header: gzipped("Content-Encoding"), body: strings.NewReader(bomb(64))})
	}},
	{"a secret of 16 KiB", "memory and time", func(b *besieged) string {
		return b.ask(asking{contentType: jsonType, header: http.Header{"Authorization": {"Bearer " + strings.Repeat("s", 16<<10)}}, body: strings.NewReader(asking1)})
	}},
	{"two Authorization headers, the second with the secret", "confusion", func(b *besieged) string {
		return b.ask(asking{contentType: jsonType, header: http.Header{"Authorization": {"Bearer guess", "Bearer " + aSecret}}, body: strings.NewReader(asking1)})
	}},
	{"a thousand guesses", "the secret", func(b *besieged) string {
		var got string
		for i := range 1000 {
			guess := http.Header{"Authorization": {"Bearer " + aSecret[:i%len(aSecret)]}}
			if got = b.ask(asking{contentType: jsonType, header: guess, body: bytes.NewReader([]byte(asking1))}); got != "401 unauthenticated" {
				break
			}
		}
		return got
	}},
	{"no content type and no secret", "confusion", func(b *besieged) string { return b.ask(asking{body: strings.NewReader(asking1)}) }},
	{"the service's path in another spelling", "a way around", func(b *besieged) string {
		return b.ask(asking{path: "/throttlekit.v1.ratelimiter/Check", contentType: jsonType, body: strings.NewReader(asking1)})
	}},
	{"the service's path with a slash more", "a way around", func(b *besieged) string {
		return b.ask(asking{path: "/" + checkPath, contentType: jsonType, body: strings.NewReader(asking1)})
	}},
	{"the service's path, percent-encoded", "a way around", func(b *besieged) string {
		return b.ask(asking{path: strings.Replace(checkPath, "C", "%43", 1), contentType: jsonType, body: strings.NewReader(asking1)})
	}},
}
