-- Sliding window log: limit units in any windowMs, exactly; every unit is remembered.
-- State: a sorted set with one member per unit, scored with its instant (epoch ms) and
-- named 'instant-rank'.
local key = KEYS[1]
local now = tonumber(ARGV[1])
local windowMs = tonumber(ARGV[2])
local limit = tonumber(ARGV[3])
local cost = tonumber(ARGV[4])

if now == 0 then -- 0 asks for the server's own clock
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local units = math.ceil(cost) -- a part of a unit is remembered as a whole one

redis.call('ZREMRANGEBYSCORE', key, '-inf', now - windowMs)
local count = redis.call('ZCARD', key)

local function instantAt(rank)
  return tonumber(redis.call('ZRANGE', key, rank, rank, 'WITHSCORES')[2])
end

if count + units > limit then
  local remaining = math.max(0, limit - count)
  if count == 0 then
    return {0, limit, remaining, math.ceil(now + windowMs), windowMs}
  end
  -- The check fits once so many of the oldest units have left.
  local leaving = math.min(count, math.max(1, math.ceil(count + units - limit)))
  local oldest = instantAt(0)
  local last = oldest
  if leaving > 1 then
    last = instantAt(leaving - 1)
  end
  return {0, limit, remaining, math.ceil(oldest + windowMs), math.max(1, math.ceil(last + windowMs - now))}
end

-- %.14g is how Lua itself writes a number into text, and part of the stored bytes.
-- Units go in by the batch, since each command costs and unpack has a bound.
local stamp = string.format('%.14g-', now)
local batch = {}
for i = 1, units do
  batch[#batch + 1] = now
  batch[#batch + 1] = stamp .. (count + i)
  if #batch == 1000 or i == units then
    redis.call('ZADD', key, unpack(batch))
    batch = {}
  end
end
-- Read back rather than reckoned: after a step back of the clock a member may have
-- taken the place of one that had its name. And before the expiry is set: Redis deletes
-- at once what expires within the millisecond.
local oldest = now
if count > 0 then
  oldest = instantAt(0)
end
redis.call('PEXPIRE', key, math.max(1, math.ceil(windowMs)))
return {1, limit, math.max(0, limit - (count + units)), math.ceil(oldest + windowMs), 0}