-- Lane: count places, each held for holdMs, drained by drainPerSec.
for place = 1, tonumber(ARGV[4]) do
  redis.call('HGET', KEYS[1], place)
end
return {1, ARGV[4], 0, ARGV[1] + ARGV[2], 0}