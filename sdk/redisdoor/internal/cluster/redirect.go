package cluster

import (
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// kind is what a redirection says. None ran what it answers.
type kind string

const (
	moved    kind = "MOVED"    // the slot is another node's now
	ask      kind = "ASK"      // the key is, though the slot is not yet
	tryAgain kind = "TRYAGAIN" // some of the keys are
)

// redirect reads an error of Redis's that sends elsewhere. The address may have no host.
func redirect(err error) (k kind, address string, ok bool) {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return "", "", false
	}
	word, rest, _ := strings.Cut(string(reply), " ")
	switch k = kind(word); k {
	case tryAgain:
		return k, "", true
	case moved, ask:
		slot, address, _ := strings.Cut(rest, " ")
		if n, err := strconv.Atoi(slot); err != nil || n < 0 || n >= Slots {
			return "", "", false
		}
		// An IPv6 address comes without brackets.
		colon := strings.LastIndexByte(address, ':')
		if colon < 0 {
			return "", "", false
		}
		host := strings.Trim(address[:colon], "[]")
		return k, net.JoinHostPort(host, address[colon+1:]), true
	}
	return "", "", false
}
