package server

import (
	"errors"
	"fmt"
	"regexp"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
)

// decodedKeys is how many keys are decoded at all. An empty one takes two bytes of protobuf
// and thirty times that while it is decoded, so that 4 MiB of them would be a burden before
// anybody could count them. Who is above maxKeys by mistake is below this, and is told so by
// validate.
const decodedKeys = 10 * maxKeys

// protoCodec and jsonCodec are connect's own but for a look at how many keys there are.
type (
	protoCodec struct{}
	jsonCodec  struct{ name string }
)

// Name implements [connect.Codec].
func (protoCodec) Name() string { return "proto" }

// Marshal implements [connect.Codec].
func (protoCodec) Marshal(message any) ([]byte, error) { return proto.Marshal(message.(proto.Message)) }

// MarshalAppend is what connect asks for when it has a buffer already.
func (protoCodec) MarshalAppend(to []byte, message any) ([]byte, error) {
	return proto.MarshalOptions{}.MarshalAppend(to, message.(proto.Message))
}

// Unmarshal implements [connect.Codec].
func (protoCodec) Unmarshal(data []byte, message any) error {
	if _, many := message.(*throttlekitv1.CheckManyRequest); many && fields(data) > decodedKeys {
		return errTooManyKeys
	}
	return proto.Unmarshal(data, message.(proto.Message))
}

// fields counts the fields of a message, as far as it is one.
func fields(data []byte) int {
	for n := 0; ; n++ {
		_, _, size := protowire.ConsumeField(data)
		if size <= 0 {
			return n
		}
		data = data[size:]
	}
}

// Name implements [connect.Codec].
func (c jsonCodec) Name() string { return c.name }

// Marshal implements [connect.Codec].
func (jsonCodec) Marshal(message any) ([]byte, error) {
	return protojson.Marshal(message.(proto.Message))
}

// MarshalAppend is what connect asks for when it has a buffer already.
func (jsonCodec) MarshalAppend(to []byte, message any) ([]byte, error) {
	return protojson.MarshalOptions{}.MarshalAppend(to, message.(proto.Message))
}

// Unmarshal implements [connect.Codec].
func (jsonCodec) Unmarshal(data []byte, message any) error {
	if len(data) == 0 {
		return errors.New("an empty body is no JSON object")
	}
	if _, many := message.(*throttlekitv1.CheckManyRequest); many && texts(data) > decodedKeys {
		return errTooManyKeys
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, message.(proto.Message)); err != nil {
		return untold(err)
	}
	return nil
}

// place is how protojson says where a text is wrong, and which field of ours has a value
// of the wrong kind.
var place = regexp.MustCompile(`^proto:.((?:syntax error )?\(line \d+:\d+\)(?:: invalid value for \w+ field \w+)?)`)

// untold leaves out what protojson quotes behind that, which may be a key: a number, or one
// without its quotes.
func untold(err error) error {
	if found := place.FindStringSubmatch(err.Error()); found != nil {
		return errors.New(found[1])
	}
	return errors.New("the body ends early, or is no JSON of this request")
}

// texts counts the texts of JSON, as far as it is that.
func texts(data []byte) int {
	n, inside := 0, false
	for i := 0; i < len(data); i++ {
		switch {
		case data[i] == '"':
			if inside = !inside; inside {
				n++
			}
		case inside && data[i] == '\\':
			i++
		}
	}
	return n
}

var errTooManyKeys = fmt.Errorf("keys has more than %d elements, want at most %d; split the call", decodedKeys, maxKeys)
