-- The log's state: member, instant, member, instant, ... oldest first.
return redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')