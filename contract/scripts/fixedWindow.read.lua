-- The fixed window's state: its start and its count, each text or nil.
return redis.call('HMGET', KEYS[1], 's', 'c')