-- Sliding window log: limit units in any windowMs, exactly; every unit is remembered.
-- State: a sorted set with one member per unit, scored with its instant (epoch ms) and
-- named 'instant-rank'.
local key = KEYS[1]
local now = tonumber(ARGV[1])
local windowMs = tonumber(ARGV[2])
local limit = tonumber(ARGV[3])
local cost = tonumber(ARGV[4])
local call = redis.call
local ceil = math.ceil
-- Below, x > 1 and x or 1 is math.max(1, x) without the price of a call.

if now == 0 then -- 0 asks for the server's own clock
  local time = call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local units = ceil(cost) -- a part of a unit is remembered as a whole one

call('ZREMRANGEBYSCORE', key, '-inf', now - windowMs)
local count = call('ZCARD', key)

if count + units > limit then
  local remaining = limit - count
  remaining = remaining > 0 and remaining or 0
  if count == 0 then
    return {0, limit, remaining, ceil(now + windowMs), windowMs}
  end
  -- The check fits once so many of the oldest units have left.
  local leaving = ceil(count + units - limit)
  leaving = leaving > 1 and leaving or 1
  leaving = leaving < count and leaving or count
  local oldest = tonumber(call('ZRANGE', key, '0', '0', 'WITHSCORES')[2])
  local last = oldest
  if leaving > 1 then
    last = tonumber(call('ZRANGE', key, leaving - 1, leaving - 1, 'WITHSCORES')[2])
  end
  local retryAfter = ceil(last + windowMs - now)
  return {0, limit, remaining, ceil(oldest + windowMs), retryAfter > 1 and retryAfter or 1}
end

-- %.14g is how Lua itself writes a number into text, and part of the stored bytes.
local stamp = string.format('%.14g-', now)
if units == 1 then
  call('ZADD', key, now, stamp .. (count + 1))
else
  -- Units go in by the batch, since each command costs and unpack has a bound. The
  -- instant is written once, with all the digits that Redis would write each time.
  local score = string.format('%.17g', now)
  local batch, size = {}, 0
  for i = 1, units do
    batch[size + 1] = score
    batch[size + 2] = stamp .. (count + i)
    size = size + 2
    if size == 1000 or i == units then
      call('ZADD', key, unpack(batch))
      batch, size = {}, 0
    end
  end
end
-- Read back rather than reckoned: after a step back of the clock a member may have
-- taken the place of one that had its name. And before the expiry is set: Redis deletes
-- at once what expires within the millisecond.
local oldest = now
if count > 0 then
  oldest = tonumber(call('ZRANGE', key, '0', '0', 'WITHSCORES')[2])
end
local lifetime = ceil(windowMs)
call('PEXPIRE', key, lifetime > 1 and lifetime or 1)
local remaining = limit - (count + units)
return {1, limit, remaining > 0 and remaining or 0, ceil(oldest + windowMs), 0}