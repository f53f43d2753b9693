-- GCRA: units drain from the limit one by one, each after periodMs/limit, and up to
-- burst of them can be spent at once.
-- State: a string, the instant (epoch ms) at which everything spent has drained.
local key = KEYS[1]
local now = tonumber(ARGV[1])
local periodMs = tonumber(ARGV[2])
local limit = tonumber(ARGV[3])
local burst = tonumber(ARGV[4])
local cost = tonumber(ARGV[5])
local floor, ceil = math.floor, math.ceil
-- Below, x > 1 and x or 1 is math.max(1, x) without the price of a call.

if now == 0 then -- 0 asks for the server's own clock
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + floor(tonumber(time[2]) / 1000)
end

-- The order of these operations is part of the contract: doubles round, and another
-- order answers differently at the edges.
local interval = periodMs / limit
local tolerance = interval * burst
local drained = now
local stored = redis.call('GET', key)
if stored then
  drained = tonumber(stored)
  if now > drained then
    drained = now
  end
end
local nextDrained = drained + interval * cost
local admittedFrom = nextDrained - tolerance

if now < admittedFrom then
  local remaining = floor((tolerance - (drained - now)) / interval)
  return {0, burst, remaining > 0 and remaining or 0, ceil(drained), ceil(admittedFrom - now)}
end

local lifetime = ceil(nextDrained - now)
-- As a number, so that Redis writes all 17 digits of it.
redis.call('SET', key, nextDrained, 'PX', lifetime > 1 and lifetime or 1)
local remaining = floor((tolerance - (nextDrained - now)) / interval)
return {1, burst, remaining > 0 and remaining or 0, ceil(nextDrained), 0}