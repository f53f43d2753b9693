-- The token bucket's state: tokens held and when they were counted, each text or nil.
return redis.call('HMGET', KEYS[1], 't', 'l')