-- Takes in what a process read: keys that are hot, and keys it found past their refresh point.
-- KEYS: due, claimed, expiry, heat, since, fresh (sorted sets by key: when to refresh, when a claim lapses, when the
--   entry expires, how hot it is, when it was first kept, when a refreshed and not yet read entry expires; all in ms)
-- ARGV: 1 deadline, 2 most keys to keep, 3 heat from which a key is refreshed unasked, then four a key:
--   key, due, expires, reads; reads below 0 say that a read asked for the refresh (-3 is three reads)
-- Result: { keys whose last refresh was read, keys forgotten as the coldest }
local due, claimed, expiry, heat, since, fresh = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local now = math.floor(now_us / 1000)
local hot = tonumber(ARGV[3])
local used = 0

for i = 4, #ARGV, 4 do
  local key, at, expires, reads = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local warmth = tonumber(redis.call('ZINCRBY', heat, math.abs(reads), key))
  used = used + redis.call('ZREM', fresh, key)
  if (reads < 0 or warmth >= hot) and not redis.call('ZSCORE', claimed, key) then
    local known = redis.call('ZSCORE', due, key)
    if not known or at < tonumber(known) then redis.call('ZADD', due, at, key) end
    if not redis.call('ZSCORE', since, key) then redis.call('ZADD', since, now, key) end
    redis.call('ZADD', expiry, expires, key)
  end
end

local excess = redis.call('ZCARD', heat) - tonumber(ARGV[2])
local forgotten = 0
if excess > 0 then
  for _, key in ipairs(redis.call('ZRANGE', heat, 0, math.min(excess, 500) - 1)) do
    for _, set in ipairs(KEYS) do redis.call('ZREM', set, key) end
    forgotten = forgotten + 1
  end
end
return { used, forgotten }
