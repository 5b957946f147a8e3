-- Ends claims.
-- KEYS: claimed, ends, fresh (see offer-6.lua)
-- ARGV: 1 deadline, then two a key: key, end of the refreshed entry's life in ms, or 0 if it was not refreshed
-- Result: keys that were claimed
local claimed, ends, fresh = KEYS[1], KEYS[2], KEYS[3]
local ended = 0
for i = 2, #ARGV, 2 do
  local key, ends_at = ARGV[i], tonumber(ARGV[i + 1])
  ended = ended + redis.call('ZREM', claimed, key)
  local known = redis.call('ZSCORE', ends, key)
  if ends_at > 0 and known and tonumber(known) < ends_at then
    redis.call('ZADD', ends, ends_at, key)
    redis.call('ZADD', fresh, ends_at, key)
  end
end
return ended
