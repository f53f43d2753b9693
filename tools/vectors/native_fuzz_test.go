package main

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
)

// byteSource draws from a fuzzer's bytes, and when they are used up from a fixed seed.
type byteSource struct {
	data []byte
	rest rand.PCG
}

func (s *byteSource) Uint64() uint64 {
	if len(s.data) == 0 {
		return s.rest.Uint64()
	}
	var eight [8]byte
	n := copy(eight[:], s.data)
	s.data = s.data[n:]
	// The high bits decide what is drawn from a range.
	return binary.BigEndian.Uint64(eight[:])
}

// FuzzNative makes timelines of bytes and compares the checks in Go with the Lua: in a
// real Redis where there is one, else in the embedded one.
func FuzzNative(f *testing.F) {
	var kinds []string
	for _, d := range strategy.All() {
		if settings[d.Name] != nil && d.Local != nil {
			kinds = append(kinds, d.Name)
		}
	}
	if len(kinds) == 0 {
		f.Skip("no strategy that we can draw has an in-process form")
	}
	r := newReplayer(f)
	for i := range kinds {
		f.Add([]byte{byte(i)})
		f.Add([]byte{byte(i), 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0x40, 1, 2, 3, 4, 5, 6, 7})
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return
		}
		kind := kinds[int(data[0])%len(kinds)]
		line := draw{rand.New(&byteSource{data: data[1:]})}.timeline(kind)
		if _, err := strategy.New(kind, line.options); err != nil {
			return // bytes draw what no generator of random numbers would, such as a limit of 0
		}
		if _, report := r.nativeDifference(t, nativePlan(t, kind, line.options), line); report != "" {
			t.Error(report)
		}
	})
}
