// Package house holds tests of the repository itself: the rules of CONTRIBUTING.md that
// a compiler does not know, such as who may import whom, which modules an SDK user is
// asked to take, and that what is pinned is what is there. It has no code of its own.
package house
