-- Drip: a debt that runs off by limit units in periodMs, burst of them at most.
-- State: a string, the instant (epoch ms) at which nothing is owed.
local now = tonumber(ARGV[1])
local periodMs = tonumber(ARGV[2])
local perPeriod = tonumber(ARGV[3])
local limit = tonumber(ARGV[4])
local cost = tonumber(ARGV[5])

local step = periodMs / perPeriod
local resetAt = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
local allowed, retryAfterMs = 0, resetAt + cost * step - (now + limit * step)
if retryAfterMs <= 0 then
  allowed, retryAfterMs, resetAt = 1, 0, resetAt + cost * step
  redis.call('SET', KEYS[1], resetAt, 'PX', periodMs)
end
local remaining = math.floor(limit - (resetAt - now) / step)
return {allowed, limit, remaining, resetAt, retryAfterMs}