-- Counting: the reply of its one write decides.
local n = redis.call('INCRBY', KEYS[1], ARGV[3])
if n > tonumber(ARGV[2]) then return {0, ARGV[2], 0, ARGV[1], 0} end
return {1, ARGV[2], ARGV[2] - n, ARGV[1], 0}
