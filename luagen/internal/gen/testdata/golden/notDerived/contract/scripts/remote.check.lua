-- Remote: by a command of a module.
return redis.call('CL.THROTTLE', KEYS[1], ARGV[2], ARGV[3])
