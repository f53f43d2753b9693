package throttlekit

import "fmt"

// Source says who made a decision.
type Source uint8

const (
	// SourceContract is the contract's Lua, in Redis, behind the service or, translated,
	// in the memory of this process: the decision counts.
	SourceContract Source = iota
	// SourceOpen is a limiter that could not ask and admits meanwhile: nothing was
	// counted.
	SourceOpen
	// SourceClosed is a limiter that could not ask and denies meanwhile: nothing was
	// counted, and there is no retry hint.
	SourceClosed
	// SourceLocal is a limiter that stood in for one that could not be asked: it was
	// counted there, by that limiter's own limit.
	SourceLocal
)

// String returns the source's name in lower case.
func (s Source) String() string {
	switch s {
	case SourceContract:
		return "contract"
	case SourceOpen:
		return "open"
	case SourceClosed:
		return "closed"
	case SourceLocal:
		return "local"
	}
	return fmt.Sprintf("source %d", uint8(s))
}
