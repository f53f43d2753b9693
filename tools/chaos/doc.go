// Package chaos breaks what the SDK stands on, under load, and keeps the books: no limit
// admits more than it allows but for checks whose outcome the SDK itself called unknown,
// nobody waits beyond a deadline, and all is well again by itself once the fault is over.
//
// It is tests and nothing else. Each file faults_*_test.go has one family of faults, as a
// table of scenarios; stage_test.go has the words that a scenario is told in.
//
//	go -C tools/chaos test ./...                        a second or so for each
//	go -C tools/chaos test -full -write ./...           longer, and writes sdk/docs/failures.md
//	go -C tools/chaos test -run 'TestChaos/.*killed.*'  some of them
package chaos
