-- Token bucket: holds at most capacity tokens, gains refillPerSec of them a second,
-- and a check takes cost of them or none.
-- State: a hash, t = tokens held, l = the instant (epoch ms) at which they were counted.
local key = KEYS[1]
local now = tonumber(ARGV[1])
local capacity = tonumber(ARGV[2])
local refillPerSec = tonumber(ARGV[3])
local cost = tonumber(ARGV[4])

if now == 0 then -- 0 asks for the server's own clock
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local perMs = refillPerSec / 1000
local state = redis.call('HMGET', key, 't', 'l')
local tokens = state[1] and tonumber(state[1]) or capacity
local last = state[2] and tonumber(state[2]) or now
-- A clock that stepped back refills nothing.
local elapsed = math.max(0, now - last)
tokens = math.min(capacity, tokens + elapsed * perMs)

if tokens < cost then
  return {0, capacity, math.max(0, math.floor(tokens)),
    now + math.ceil((capacity - tokens) / perMs), math.ceil((cost - tokens) / perMs)}
end

local left = tokens - cost
-- As numbers, so that Redis writes all 17 digits of them. A bucket left alone until
-- it is full needs no state.
redis.call('HSET', key, 't', left, 'l', now)
redis.call('PEXPIRE', key, math.max(1, math.ceil(capacity / perMs)))
return {1, capacity, math.max(0, math.floor(left)), now + math.ceil((capacity - left) / perMs), 0}