package redisdoor_test

import (
	"syscall"
	"time"
)

// nap sleeps. The runtime's own sleep is no shorter than a millisecond where it waits in
// epoll.
func nap(d time.Duration) {
	if d <= 0 {
		return
	}
	left := syscall.NsecToTimespec(d.Nanoseconds())
	for syscall.Nanosleep(&left, &left) == syscall.EINTR {
	}
}
