// Package throttlekit is the vocabulary of the ThrottleKit SDK: what a rate limit
// check answers, the interface that every limiter satisfies, and the errors that
// all of them speak.
//
// It holds no limiter, and nobody here wrote one. What decides is the contract's Lua:
// in a Redis, behind a throttlekit service, or in the process, translated into Go by
// the generator. The packages beside this one only carry the question there and the
// answer back:
//
//   - sdk/redisdoor runs the contract's scripts in a Redis that a fleet in any
//     language may share;
//   - sdk/servicedoor asks a throttlekit service over gRPC, Connect or gRPC-Web;
//   - sdk/localdoor runs the contract's scripts as Go, in the memory of one process;
//   - sdk/embedded starts an in-process Redis, for what must speak its protocol;
//   - sdk/policy reads policy files;
//   - sdk/server serves limiters to others.
//
// The strategies themselves are generated from the contract; see package
// github.com/throttlekit/throttlekit-go/gen/strategy.
//
// A denial is an answer, not an error: [Decision].Allowed is false and the error is
// nil. Errors are faults. Each one that a door returns is an [*Error], which says
// whether the check may have been consumed; nothing in this module sends a check a
// second time when it may have been.
package throttlekit
