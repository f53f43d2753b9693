#!lua flags=allow-oom
-- Flagged: a first line for Redis alone.
redis.call('SET', KEYS[1], ARGV[1])
return {1, 1, 0, ARGV[1], 0}
