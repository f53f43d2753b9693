-- Pail: holds capacity, refilled by refillPerSec.
local level = tonumber(redis.call('GET', KEYS[1]) or ARGV[2])
redis.call('SET', KEYS[1], level - ARGV[4], 'PX', math.ceil(1000 * ARGV[2] / ARGV[3]))
return {1, ARGV[2], level - ARGV[4], ARGV[1], 0}