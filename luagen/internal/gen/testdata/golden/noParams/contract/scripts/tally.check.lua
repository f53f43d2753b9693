-- Tally: counts, and refuses nothing.
return {1, 0, 0, 0, redis.call('INCRBY', KEYS[1], ARGV[2]) * 0}