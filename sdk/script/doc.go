// Package script is the small runtime under the code that luagen generates: what a
// strategy of the contract is made of, how its parameters become ARGV, and how its
// reply becomes a decision.
//
// Most programs never import it. They fill in a strategy of package gen/strategy (or
// of a package that they generated from a contract of their own) and hand it to a
// door, which asks it for its [Plan].
//
//	Definition   what the contract says: parameters, bounds, scripts, reply
//	    |        parameters filled in, checked, formatted once
//	   Plan      what a door runs: script, ARGV with now and cost left open, decoder
package script

// UpgradeThrottleKitSDKToGeneration1 is the handshake between generated code and this
// package. Code from a newer luagen names a newer constant, so that on an older SDK it
// does not compile, and the compiler's message says what to upgrade. Constants of
// older generations stay for good.
const UpgradeThrottleKitSDKToGeneration1 = true
