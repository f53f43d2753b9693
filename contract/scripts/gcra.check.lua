-- GCRA: units drain from the limit one by one, each after periodMs/limit, and up to
-- burst of them can be spent at once.
-- State: a string, the instant (epoch ms) at which everything spent has drained.
local key = KEYS[1]
local now = tonumber(ARGV[1])
local periodMs = tonumber(ARGV[2])
local limit = tonumber(ARGV[3])
local burst = tonumber(ARGV[4])
local cost = tonumber(ARGV[5])

if now == 0 then -- 0 asks for the server's own clock
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- The order of these operations is part of the contract: doubles round, and another
-- order answers differently at the edges.
local interval = periodMs / limit
local tolerance = interval * burst
local drained = now
local stored = redis.call('GET', key)
if stored then
  drained = math.max(tonumber(stored), now)
end
local nextDrained = drained + interval * cost
local admittedFrom = nextDrained - tolerance

if now < admittedFrom then
  local remaining = math.max(0, math.floor((tolerance - (drained - now)) / interval))
  return {0, burst, remaining, math.ceil(drained), math.ceil(admittedFrom - now)}
end

-- As a number, so that Redis writes all 17 digits of it.
redis.call('SET', key, nextDrained, 'PX', math.max(1, math.ceil(nextDrained - now)))
local remaining = math.max(0, math.floor((tolerance - (nextDrained - now)) / interval))
return {1, burst, remaining, math.ceil(nextDrained), 0}