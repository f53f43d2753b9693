// Package golua translates check scripts from Lua into Go: the contract's own text runs
// inside the process, with no Redis and no interpreter, and nobody writes a second rate
// limiter. Its input is a parsed script; its output a function of type script.Local,
// each statement with the line that it came from before it.
//
//	parsed script --passes--> types, what the key holds --last pass--> lines of Go
//	                                                        |
//	                            without what is never read, named, printed
//
// Types are inferred by going through the script until there is nothing more to learn
// (translate.go). What a pass cannot translate stops it; when that is so in the last
// one, the script has no form in Go, the generator says where and why, and all else is
// generated as ever.
//
// # The subset
//
// What is translated, and to what:
//
//	local a, b = x, y; a, b = x, y   Go variables; the types are inferred
//	do, if, elseif, else             the same
//	while, break                     for { if !... { break } }
//	for i = a, b, 3                  a for over float64, counted as Lua counts; the step
//	                                 is written out
//	local function f(x) ... end      a Go closure that is only called; one value or none
//	                                 is returned, and outer variables are not assigned
//	return {a, b, c, d, e}           the five that make a decision; every element a number
//	+ - * / % -x                     float64, each operation rounded by itself
//	== ~= < <= > >=                  between numbers; with nil; == and ~= where one of
//	                                 two numbers may be missing
//	and or not                       with Lua's short circuit; c and x or y is a choice
//	#                                of a text written out, of a reply, of a list
//	..                               texts of numbers and what is between them
//	math.floor ceil abs max min huge
//	tonumber(x)                      of a number, or of the text of one
//	tostring(x)
//	string.format                    %.14g %.17g %d %.0f %s %%
//	string.find(s, ':', 1, true)     of a separator that no number can hold
//	string.sub(s, 1, colon - 1)      before and behind a separator that was found
//	string.sub(s, colon + 1)
//	ARGV[1], KEYS[1]                 the index written out
//	names for library functions      local floor, call = math.floor, redis.call
//
// and of Redis, each on KEYS[1], by redis.call and with the command written out:
//
//	GET; SET value [PX ms]           a number
//	HGET, HMGET, HSET                of at most two named fields that hold numbers, or of
//	                                 fields that are numbers and hold a number or a text
//	                                 of two, such as '7:3'
//	HGETALL                          into a table, by a loop that does nothing else:
//	                                 for i = 1, #flat, 2 do t[tonumber(flat[i])] = flat[i+1] end
//	                                 t[n] then reads the hash, up to the next write
//	PEXPIRE ms
//	ZADD score member ...            or unpack(list), where list is filled in pairs:
//	                                 list[#list+1] = score, then list[#list+1] = member
//	ZCARD
//	ZRANGE n n WITHSCORES            of which [2], the score, may be used
//	ZREMRANGEBYSCORE -inf score
//	TIME
//
// A script keeps one kind of value under its key. The reply of a write is not used.
//
// # What stays a number
//
// A number that goes to Redis is text there, and the text of one that comes back is made
// a number again. Where a script does nothing else with the text, it is left out; each
// such step gives the same double:
//
//   - A number as an argument of a command is written with %.17g. 17 digits tell every
//     double from its neighbours, so reading them gives the same double; inf, nan and the
//     sign of zero are read back, too.
//   - A score is replied with 17 digits as well. An ARGV of this SDK is the shortest text
//     that tells a number from its neighbours.
//   - Lua's own .., tostring and %.14g keep 14 digits. The number that is kept is the one
//     that those digits give, script.Digits14. A whole number below 1e14 has no more than
//     14 digits, and is kept as it is.
//   - %d and %.0f write whole numbers with all their digits.
//   - A text of two numbers with something fixed between is kept as the two, if it can be
//     split in one way only. The separator of a text that is searched begins with a
//     character that stands in no number, so that the first one found is it. Members of a
//     set may also be parted by a -, which within a number stands only in front or behind
//     an e: equal members are then equal numbers.
//   - Redis's order of a hash's fields and of members with equal scores is not kept, and
//     cannot be asked for.
//
// # Arithmetic
//
// Go may fuse a product and a sum into one operation with one rounding; Redis, on every
// processor that it is built for by default, rounds both. A conversion forbids it: every
// product is written float64(x * y). Constants are computed here in float64, since Go
// would compute them exactly. math.max and math.min are script.Max and script.Min, which
// keep the first of equal numbers, and so the sign of a zero, as C's comparisons do.
// What rounds as the C library likes, such as ^, is outside the subset.
//
// # Expiry and dry runs
//
// Expiries are set and pass by the owner's clock (script.Input.Clock), as they do by the
// Redis server's whatever ARGV[1] says. Before the first write on every way through the
// script stands the end of a dry run; ZREMRANGEBYSCORE is no write in this sense, since
// scripts drop by it what has expired.
package golua
