-- Gate: limit units in each window of windowMs, which starts with its first unit.
-- State: a hash, e = the window's end (epoch ms), n = units let through in it.
local now = tonumber(ARGV[1])
local limit = tonumber(ARGV[2])
local windowMs = tonumber(ARGV[3])
local cost = tonumber(ARGV[4])

local state = redis.call('HMGET', KEYS[1], 'e', 'n')
local resetAt, through = tonumber(state[1] or 0), tonumber(state[2] or 0)
if now >= resetAt then
  resetAt, through = now + windowMs, 0
end
local allowed, retryAfterMs = 0, resetAt - now
if through + cost <= limit then
  allowed, retryAfterMs, through = 1, 0, through + cost
  redis.call('HSET', KEYS[1], 'e', resetAt, 'n', through)
  redis.call('PEXPIRE', KEYS[1], windowMs)
end
local remaining = limit - through
return {allowed, limit, remaining, resetAt, retryAfterMs}