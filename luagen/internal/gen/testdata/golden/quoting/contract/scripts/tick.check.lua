-- Tick: a `quoted` word in its comment, and in its text.
local mark = '`'
return {1, ARGV[2], #mark, ARGV[1], 0}