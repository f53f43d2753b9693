-- Token bucket: holds at most capacity tokens, gains refillPerSec of them a second,
-- and a check takes cost of them or none.
-- State: a hash, t = tokens held, l = the instant (epoch ms) at which they were counted.
local key = KEYS[1]
local now = tonumber(ARGV[1])
local capacity = tonumber(ARGV[2])
local refillPerSec = tonumber(ARGV[3])
local cost = tonumber(ARGV[4])
local floor, ceil = math.floor, math.ceil
-- Below, x > 1 and x or 1 is math.max(1, x) without the price of a call.

if now == 0 then -- 0 asks for the server's own clock
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + floor(tonumber(time[2]) / 1000)
end

local perMs = refillPerSec / 1000
local state = redis.call('HMGET', key, 't', 'l')
local tokens = state[1] and tonumber(state[1]) or capacity
local last = state[2] and tonumber(state[2]) or now
-- A clock that stepped back refills nothing.
local elapsed = now > last and now - last or 0
tokens = tokens + elapsed * perMs
tokens = tokens < capacity and tokens or capacity

if tokens < cost then
  local remaining = floor(tokens)
  return {0, capacity, remaining > 0 and remaining or 0,
    now + ceil((capacity - tokens) / perMs), ceil((cost - tokens) / perMs)}
end

local left = tokens - cost
-- As numbers, so that Redis writes all 17 digits of them. A bucket left alone until
-- it is full needs no state.
redis.call('HSET', key, 't', left, 'l', now)
local lifetime = ceil(capacity / perMs)
redis.call('PEXPIRE', key, lifetime > 1 and lifetime or 1)
local remaining = floor(left)
return {1, capacity, remaining > 0 and remaining or 0, now + ceil((capacity - left) / perMs), 0}