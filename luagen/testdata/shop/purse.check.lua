-- Purse: holds up to capacity, and refillPerSec come in.
-- State: a hash, l = what was left, t = when (epoch ms).
local now = tonumber(ARGV[1])
local limit = tonumber(ARGV[2])
local refillPerSec = tonumber(ARGV[3])
local cost = tonumber(ARGV[4])

local state = redis.call('HMGET', KEYS[1], 'l', 't')
local left = tonumber(state[1] or limit)
left = math.min(limit, left + (now - tonumber(state[2] or now)) / 1000 * refillPerSec)
local allowed, retryAfterMs = 0, (cost - left) / refillPerSec * 1000
if left >= cost then
  allowed, retryAfterMs, left = 1, 0, left - cost
  redis.call('HSET', KEYS[1], 'l', left, 't', now)
  redis.call('PEXPIRE', KEYS[1], 3600000)
end
local remaining, resetAt = math.floor(left), now + (limit - left) / refillPerSec * 1000
return {allowed, limit, remaining, resetAt, retryAfterMs}