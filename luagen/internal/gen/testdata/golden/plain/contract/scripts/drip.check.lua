-- Drip: a debt that runs off, limit units in periodMs.
-- State: a string, the instant at which nothing is owed.
local now, periodMs, limit, burst, cost =
  tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local step = periodMs / limit
local clear = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
if clear + cost * step > now + burst * step then
  return {0, burst, 0, clear, clear + (cost - burst) * step - now}
end
redis.call('SET', KEYS[1], clear + cost * step, 'PX', periodMs)
return {1, burst, 0, clear + cost * step, 0}