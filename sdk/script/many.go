package script

import (
	"encoding/binary"
	"fmt"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// DecodeMany turns a many script's reply, as a Redis client hands it over, into one
// decision for each element of decisions. A check that failed by itself has its error
// in errs, which is nil when none did: the client's own error where Redis answered with
// one. err is that of a reply which answers nothing.
func (p *Plan) DecodeMany(reply any, decisions []throttlekit.Decision) (errs []error, err error) {
	switch reply := reply.(type) {
	case []byte:
		size := 8 * len(p.def.Reply)
		if len(reply) != size*len(decisions) {
			return nil, fmt.Errorf("reply is a string of %d bytes, want %d for each of %d checks", len(reply), size, len(decisions))
		}
		for i := range decisions {
			decisions[i] = p.unpack(reply[i*size:])
		}
		return nil, nil
	case []any:
		if len(reply) != len(decisions) {
			return nil, fmt.Errorf("reply is a list of %d, want one of %d", len(reply), len(decisions))
		}
		return p.decodeEach(reply, decisions), nil
	}
	return nil, fmt.Errorf("reply is %s, want an answer for each of %d checks", describe(reply), len(decisions))
}

// unpack reads one check's integers, 64 bits each with the lowest byte first.
func (p *Plan) unpack(packed []byte) throttlekit.Decision {
	var ints Reply
	for i := range p.def.Reply {
		ints[i] = int64(binary.LittleEndian.Uint64(packed[8*i:]))
	}
	return p.def.Decode(ints)
}

// decodeEach decodes answers of any form, as they come where one check of a script
// failed or Redis cannot pack.
func (p *Plan) decodeEach(answers []any, decisions []throttlekit.Decision) (errs []error) {
	for i, answer := range answers {
		var err error
		switch answer := answer.(type) {
		case error:
			err = answer
		case []byte:
			if size := 8 * len(p.def.Reply); len(answer) != size {
				err = fmt.Errorf("reply is a string of %d bytes, want %d", len(answer), size)
			} else {
				decisions[i] = p.unpack(answer)
			}
		default:
			decisions[i], err = p.Decode(answer)
		}
		if err != nil {
			if errs == nil {
				errs = make([]error, len(decisions))
			}
			decisions[i], errs[i] = throttlekit.Decision{}, err
		}
	}
	return errs
}
