-- The sliding window's state: field, value, field, value, ... of its ring; empty when
-- there is none.
return redis.call('HGETALL', KEYS[1])