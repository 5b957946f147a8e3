-- Ends claims.
-- KEYS: claimed, expiry, fresh (see offer-6.lua)
-- ARGV: 1 deadline, then two a key: key, end of the refreshed entry's life in ms, or 0 where it was not refreshed
-- Result: keys that were claimed
local claimed, expiry, fresh = KEYS[1], KEYS[2], KEYS[3]
local ended = 0
for i = 2, #ARGV, 2 do
  local key, expires = ARGV[i], tonumber(ARGV[i + 1])
  ended = ended + redis.call('ZREM', claimed, key)
  if expires > 0 then
    redis.call('ZADD', expiry, expires, key)
    redis.call('ZADD', fresh, expires, key)
  end
end
return ended
