-- Lets all keys cool: what is not read is forgotten within minutes.
-- KEYS: heat (see offer-6.lua)
-- ARGV: 1 deadline, 2 factor below 1
-- Result: keys still warm
redis.call('ZUNIONSTORE', KEYS[1], 1, KEYS[1], 'WEIGHTS', ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(0.5')
return redis.call('ZCARD', KEYS[1])
