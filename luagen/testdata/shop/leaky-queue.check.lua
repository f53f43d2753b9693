-- Leaky queue: lanes places. Its reply carries what arrived, so that a test can see
-- which number came in which unit: remaining is holdMs, resetAt is drainPerSec seconds
-- from now.
local now = tonumber(ARGV[1])
local cost = tonumber(ARGV[2])
local holdMs = tonumber(ARGV[3])
local drainPerSec = tonumber(ARGV[4])
local limit = tonumber(ARGV[5])

local allowed, retryAfterMs = 0, 7
if redis.call('INCRBY', KEYS[1], cost) <= limit then
  allowed, retryAfterMs = 1, 0
end
local remaining, resetAt = holdMs, now + drainPerSec * 1000
return {allowed, limit, remaining, resetAt, retryAfterMs}