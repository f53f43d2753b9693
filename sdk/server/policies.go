package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/resilient"
)

// Policy is a limiter and the name that callers know it by.
type Policy struct {
	// Name is what requests carry. Not empty, at most 256 bytes long, and unique within
	// a server.
	Name string

	// Limiter decides. The server calls it from many goroutines and never closes it. It
	// may be nil where Unserved says why.
	Limiter throttlekit.Limiter

	// Limit is what a decision by [WithFailMode] reports as its limit, since the limiter
	// that knows cannot be asked then. In units; 0 where it is not known.
	Limit int64

	// Unserved is why this server does not serve the policy, or empty when it does. Every
	// operation on an unserved policy is UNIMPLEMENTED for that reason: its callers learn
	// that the name is right and the server is not the one to ask.
	Unserved string

	// NoPeek is why Peek and Forecast on the policy are UNIMPLEMENTED, or empty when they
	// are served.
	NoPeek string
}

// servedPolicy is a policy and what the server remembers about it.
type servedPolicy struct {
	Policy

	// limiter is the policy's, with the store's time as its deadline, and a breaker that
	// keeps calls from it while it fails. What is answered then is the server's to say.
	limiter *resilient.Limiter

	// noticed is when a failure of the policy was last logged, in nanoseconds of the
	// epoch.
	noticed atomic.Int64
}

// offers is nil when the policy has the operation, else the UNIMPLEMENTED that the caller
// gets.
func (p *servedPolicy) offers(op string) error {
	switch {
	case p.Unserved != "":
		return unimplemented(p.Name, op, p.Unserved)
	case p.NoPeek != "" && (op == opPeek || op == opForecast):
		return unimplemented(p.Name, op, p.NoPeek)
	case op == opDebit || op == opAdmit:
		return unimplemented(p.Name, op, "")
	}
	return nil
}

// policyBook finds policies by name and remembers their order. It never changes: a
// reload makes another.
type policyBook struct {
	policies map[string]*servedPolicy
	names    string // quoted, for the caller who asked for another
}

func newPolicyBook(policies []Policy, storeTimeout time.Duration) (*policyBook, error) {
	book := &policyBook{policies: make(map[string]*servedPolicy, len(policies))}
	names := make([]string, 0, len(policies))
	for i, policy := range policies {
		switch _, taken := book.policies[policy.Name]; {
		case policy.Name == "":
			return nil, fmt.Errorf("policies[%d] has no name", i)
		case len(policy.Name) > maxPolicyBytes:
			return nil, fmt.Errorf("policies[%d] has a name of %d bytes, want at most %d", i, len(policy.Name), maxPolicyBytes)
		case policy.Limiter == nil && policy.Unserved == "":
			return nil, fmt.Errorf("policies[%d] (%s) has no limiter", i, quoted(policy.Name))
		case taken:
			return nil, fmt.Errorf("policies[%d] has the name %s, which an earlier policy has too", i, quoted(policy.Name))
		}
		served := &servedPolicy{Policy: policy}
		if policy.Limiter != nil {
			limiter, err := resilient.New(policy.Limiter, resilient.WithDeadline(storeTimeout))
			if err != nil {
				return nil, fmt.Errorf("policies[%d] (%s): %w", i, quoted(policy.Name), err)
			}
			served.limiter = limiter
		}
		names = append(names, policy.Name)
		book.policies[policy.Name] = served
	}
	book.names = quotedList(names)
	return book, nil
}

// find returns the policy of that name, or the NOT_FOUND that the caller gets.
func (b *policyBook) find(name string) (*servedPolicy, error) {
	if p, ok := b.policies[name]; ok {
		return p, nil
	}
	asked := quoted(name)
	if len(name) > maxPolicyBytes {
		asked = fmt.Sprintf("with a name of %d bytes", len(name))
	}
	return nil, connect.NewError(connect.CodeNotFound, errors.New("unknown policy "+asked+"; the server has "+b.names))
}

// quoted is s as a JSON string, the way the contract's other servers write names.
func quoted(s string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		return `""` // a string always encodes
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// quotedList is the names quoted, in order, cut at maxListBytes.
func quotedList(names []string) string {
	if len(names) == 0 {
		return "(none)"
	}
	var b strings.Builder
	for i, name := range names {
		if b.Len() > maxListBytes {
			return fmt.Sprintf("%s and %d more", b.String(), len(names)-i)
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quoted(name))
	}
	return b.String()
}
