-- GCRA's state: the instant at which everything spent has drained, as text, or nil.
return redis.call('GET', KEYS[1])