package throttlekit_test

import (
	"errors"
	"strings"
	"testing"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

func TestValidateKeys(t *testing.T) {
	longest := strings.Repeat("k", throttlekit.MaxKeyBytes)
	for _, row := range []struct {
		name string
		keys []string
		want string // of the error, or empty
	}{
		{"none", nil, ""},
		{"an empty one", []string{""}, ""},
		{"any bytes", []string{"\x00\n\xff"}, ""},
		{"the longest", []string{longest, longest}, ""},
		{"a longer one", []string{longest + "k"}, "throttlekit: peek: invalid argument: the key is 1048577 bytes long, want at most 1048576"},
		{"a longer one among others", []string{"k", longest + "k"}, "throttlekit: peek: invalid argument: keys[1] is 1048577 bytes long, want at most 1048576"},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := throttlekit.ValidateKeys("peek", row.keys...)
			if row.want == "" && err != nil || row.want != "" && (!errors.Is(err, throttlekit.ErrInvalidArgument) || err.Error() != row.want) {
				t.Errorf("%v\nwant %q", err, row.want)
			}
		})
	}
}
