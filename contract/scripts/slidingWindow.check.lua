-- Sliding window: limit units in any windowMs, counted in buckets. The newest buckets
-- count whole; the one that is just leaving counts by the share of it still inside.
-- State: a hash used as a ring of buckets+1 slots; field = bucket number mod slots,
-- value = 'number:count', so that a slot left from an earlier turn is told apart.
local key = KEYS[1]
local now = tonumber(ARGV[1])
local windowMs = tonumber(ARGV[2])
local limit = tonumber(ARGV[3])
local cost = tonumber(ARGV[4])
local buckets = tonumber(ARGV[5])

if now == 0 then -- 0 asks for the server's own clock
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local width = windowMs / buckets
local slots = buckets + 1
local current = math.floor(now / width)

-- One HGETALL, since most slots of a quiet key do not exist.
local ring = {}
local flat = redis.call('HGETALL', key)
for i = 1, #flat, 2 do
  ring[tonumber(flat[i])] = flat[i + 1]
end
local function count(number)
  local slot = ring[number % slots]
  if not slot then
    return 0
  end
  local colon = string.find(slot, ':', 1, true)
  if tonumber(string.sub(slot, 1, colon - 1)) ~= number then
    return 0
  end
  return tonumber(string.sub(slot, colon + 1))
end

-- Oldest first: counts may be fractions, whose sum depends on the order.
local whole = 0
for back = buckets - 1, 0, -1 do
  whole = whole + count(current - back)
end
local leaving = count(current - buckets)
local elapsed = math.max(0, now - current * width)
local share = math.max(0, math.min(1, (width - elapsed) / width))
local fading = leaving * share
local used = whole + fading
local usedAfter = used + cost
local resetAt = math.ceil((current + 1) * width + windowMs)

if usedAfter > limit then
  local over = usedAfter - limit
  local retryAfter
  if leaving > 0 and over <= fading then
    retryAfter = math.ceil(over * width / leaving) -- it fades away in time
  else
    retryAfter = math.ceil((current + 1) * width - now) -- look again in the next bucket
  end
  return {0, limit, math.max(0, math.floor(limit - used)), resetAt, math.max(1, retryAfter)}
end

-- %.14g is how Lua itself writes a number into text, and part of the stored bytes.
redis.call('HSET', key, current % slots, string.format('%.14g:%.14g', current, count(current) + cost))
redis.call('PEXPIRE', key, math.ceil(windowMs + width))
return {1, limit, math.max(0, math.floor(limit - usedAfter)), resetAt, 0}