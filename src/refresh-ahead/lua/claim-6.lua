-- Claims what is due, the hottest first, for a while: what is not reported done by then is due again.
-- KEYS: due, claimed, expiry, heat, since, fresh (see offer-6.lua)
-- ARGV: 1 deadline, 2 most keys to claim, 3 how long a claim holds in ms, then prefixes of keys to leave alone
-- Result: { missed (expired while due), wasted (refreshed and expired unread), due and left, key, expires, since, ... }
local due, claimed, expiry, heat, since, fresh = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local now = math.floor(now_us / 1000)
local want = tonumber(ARGV[2])
local missed, wasted = 0, 0

for _, key in ipairs(redis.call('ZRANGEBYSCORE', expiry, '-inf', now, 'LIMIT', 0, 500)) do
  missed = missed + redis.call('ZREM', due, key)
  for _, set in ipairs({ claimed, expiry, since }) do redis.call('ZREM', set, key) end
end
for _, key in ipairs(redis.call('ZRANGEBYSCORE', fresh, '-inf', now, 'LIMIT', 0, 500)) do
  wasted = wasted + redis.call('ZREM', fresh, key)
end
for _, key in ipairs(redis.call('ZRANGEBYSCORE', claimed, '-inf', now, 'LIMIT', 0, 500)) do
  redis.call('ZREM', claimed, key)
  redis.call('ZADD', due, now, key)
end

local function left_alone(key)
  for i = 4, #ARGV do
    if string.sub(key, 1, #ARGV[i]) == ARGV[i] then return true end
  end
  return false
end

local found = {}
for _, key in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, want * 4)) do
  if not left_alone(key) then
    found[#found + 1] = { key, tonumber(redis.call('ZSCORE', heat, key) or 0) }
  end
end
table.sort(found, function(a, b) return a[2] > b[2] end)

local result = { missed, wasted, 0 }
for i = 1, math.min(want, #found) do
  local key = found[i][1]
  redis.call('ZREM', due, key)
  redis.call('ZADD', claimed, now + tonumber(ARGV[3]), key)
  result[#result + 1] = key
  result[#result + 1] = redis.call('ZSCORE', expiry, key) or '0'
  result[#result + 1] = redis.call('ZSCORE', since, key) or '0'
end
result[3] = redis.call('ZCOUNT', due, '-inf', now)
return result
