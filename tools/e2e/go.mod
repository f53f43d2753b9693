// This module holds end-to-end tests of the service, with clients that others wrote. It
// is published to nobody, and what it requires never reaches a user of the SDK.
module github.com/throttlekit/throttlekit-go/tools/e2e

go 1.26.0

require (
	github.com/throttlekit/throttlekit-go v0.0.0
	google.golang.org/grpc v1.85.0
	google.golang.org/protobuf v1.36.12
)

require (
	connectrpc.com/connect v1.20.0 // indirect
	golang.org/x/net v0.60.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/text v0.42.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260817212433-ac3dfec99bb1 // indirect
)

replace github.com/throttlekit/throttlekit-go => ../..
