//go:build !linux

package redisdoor_test

import "time"

// nap sleeps.
func nap(d time.Duration) { time.Sleep(d) }
