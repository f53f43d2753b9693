-- Ring: burst units in windowMs, counted in buckets.
local sum = 0
for slot = 1, tonumber(ARGV[4]) do
  sum = sum + tonumber(redis.call('HGET', KEYS[1], slot) or 0)
end
redis.call('HSET', KEYS[1], 1, sum + ARGV[2])
return {1, ARGV[3], ARGV[3] - sum, ARGV[1] + ARGV[5], 0}