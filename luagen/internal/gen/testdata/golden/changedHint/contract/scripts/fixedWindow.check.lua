-- Gate: limit units in each window of windowMs that starts with its first unit.
-- State: a string, the units let through so far.
local limit, windowMs, cost = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local through = tonumber(redis.call('GET', KEYS[1]) or 0)
if through + cost > limit then
  return {0, limit, limit - through, ARGV[1] + windowMs, windowMs}
end
redis.call('SET', KEYS[1], through + cost, 'PX', windowMs)
return {1, limit, limit - through - cost, ARGV[1] + windowMs, 0}