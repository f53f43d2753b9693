-- Fixed window: limit units in each window of windowMs, aligned to the epoch.
-- State: a hash, s = the window's start (epoch ms), c = units counted in it.
local key = KEYS[1]
local now = tonumber(ARGV[1])
local limit = tonumber(ARGV[2])
local windowMs = tonumber(ARGV[3])
local cost = tonumber(ARGV[4])

if now == 0 then -- 0 asks for the server's own clock
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local start = math.floor(now / windowMs) * windowMs
local windowEnd = start + windowMs
local state = redis.call('HMGET', key, 's', 'c')
local count = 0
-- A count that belongs to another window, earlier or later, is none of this one's.
if state[1] and tonumber(state[1]) == start then
  count = tonumber(state[2] or 0)
end
local counted = count + cost

if counted > limit then
  return {0, limit, math.max(0, limit - count), windowEnd, math.ceil(windowEnd - now)}
end

redis.call('HSET', key, 's', start, 'c', counted)
redis.call('PEXPIRE', key, math.max(1, math.ceil(windowEnd - now)))
return {1, limit, limit - counted, windowEnd, 0}