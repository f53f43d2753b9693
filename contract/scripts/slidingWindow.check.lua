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
local floor, ceil = math.floor, math.ceil
-- Below, x > 1 and x or 1 is math.max(1, x) without the price of a call.

if now == 0 then -- 0 asks for the server's own clock
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + floor(tonumber(time[2]) / 1000)
end

local width = windowMs / buckets
local slots = buckets + 1
local current = floor(now / width)

-- One HGETALL, since most slots of a quiet key do not exist.
local flat = redis.call('HGETALL', key)
local ring = {}
for i = 1, #flat, 2 do
  ring[tonumber(flat[i])] = flat[i + 1]
end
-- Oldest first: counts may be fractions, whose sum depends on the order. This loop is
-- what the check costs, hence no function in it, and none of it for a new key.
local leaving, whole, newest = 0, 0, 0
if flat[1] then
  local find, sub = string.find, string.sub
  for back = buckets, 0, -1 do
    local number = current - back
    local slot = ring[number % slots]
    if slot then
      local colon = find(slot, ':', 1, true)
      if tonumber(sub(slot, 1, colon - 1)) == number then
        local count = tonumber(sub(slot, colon + 1))
        if back == buckets then
          leaving = count
        else
          whole = whole + count
          if back == 0 then
            newest = count
          end
        end
      end
    end
  end
end
local currentEnd = (current + 1) * width
local elapsed = now - current * width
elapsed = elapsed > 0 and elapsed or 0
local share = (width - elapsed) / width
share = share < 1 and share or 1
share = share > 0 and share or 0
local fading = leaving * share
local used = whole + fading
local usedAfter = used + cost
local resetAt = ceil(currentEnd + windowMs)

if usedAfter > limit then
  local over = usedAfter - limit
  local retryAfter
  if leaving > 0 and over <= fading then
    retryAfter = ceil(over * width / leaving) -- it fades away in time
  else
    retryAfter = ceil(currentEnd - now) -- look again in the next bucket
  end
  local remaining = floor(limit - used)
  return {0, limit, remaining > 0 and remaining or 0, resetAt, retryAfter > 1 and retryAfter or 1}
end

-- %.14g is how Lua itself writes a number into text, and part of the stored bytes.
redis.call('HSET', key, current % slots, string.format('%.14g:%.14g', current, newest + cost))
redis.call('PEXPIRE', key, ceil(windowMs + width))
local remaining = floor(limit - usedAfter)
return {1, limit, remaining > 0 and remaining or 0, resetAt, 0}