package server

import (
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// Observer is told what a server does, for metrics. Its methods are called from many
// goroutines, inside the calls, and so should return at once. They are never told a key.
type Observer interface {
	// Called is told of each call to Check, CheckMany, Peek, Forecast, Debit and Admit when
	// it has been answered. op is the operation's word, such as checkMany. policy is
	// empty when the server has no policy of the name asked for, and when the caller was
	// refused before the request was read. err is nil or what the caller gets, whose code
	// connect.CodeOf tells.
	Called(op, policy string, took time.Duration, err error)

	// Decided is told of each decision of Check and CheckMany. madeUp reports that it is
	// the fail mode's or, where the limiter has one of its own, another stand-in's.
	Decided(policy string, d throttlekit.Decision, madeUp bool)

	// StoreChanged is told when the check of [WithStoreCheck] begins or ceases to fail.
	// Before the first time, the store is held to be up.
	StoreChanged(up bool)
}

// nobody is the observer when there is none.
type nobody struct{}

func (nobody) Called(string, string, time.Duration, error) {}
func (nobody) Decided(string, throttlekit.Decision, bool)  {}
func (nobody) StoreChanged(bool)                           {}
