-- Claims due keys, the hottest first, for a while. A key that is not reported done by then is due again.
-- KEYS: later, due, claimed, ends, heat, fresh (see offer-6.lua), spent (hash: minute since 1970, keys claimed in it)
-- ARGV: 1 deadline, 2 most keys to claim now, 3 in a minute, 4 how long a claim holds in ms; then two an entity to leave
--   alone: prefix of its keys, until when in ms
-- Result: { missed (expired while due or claimed), wasted (refreshed and expired unread), still due, 1 if there is
--   more work now, then two a claimed key: key, end of the entry's life }
local later, due, claimed, ends, heat, fresh = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local now = math.floor(now_us / 1000)
local page = 500
local missed, wasted, more = 0, 0, 0

local function passed(set)
  local keys = redis.call('ZRANGEBYSCORE', set, '-inf', now, 'LIMIT', 0, page)
  if #keys == page then more = 1 end
  return keys
end

for _, set in ipairs({ claimed, later }) do
  for _, key in ipairs(passed(set)) do
    redis.call('ZREM', set, key)
    redis.call('ZADD', due, redis.call('ZSCORE', heat, key) or now, key)
  end
end
for _, key in ipairs(passed(fresh)) do wasted = wasted + redis.call('ZREM', fresh, key) end
for _, key in ipairs(passed(ends)) do
  missed = missed + redis.call('ZREM', due, key) + redis.call('ZREM', claimed, key)
  for _, set in ipairs({ later, ends }) do redis.call('ZREM', set, key) end
end

local function left_alone(key)
  for i = 5, #ARGV, 2 do
    if string.sub(key, 1, #ARGV[i]) == ARGV[i] then return tonumber(ARGV[i + 1]) end
  end
end

local minute = string.format('%.0f', math.floor(now / 60000))
local spent = redis.call('HGET', KEYS[7], 'minute') == minute and tonumber(redis.call('HGET', KEYS[7], 'keys')) or 0
local want = math.min(tonumber(ARGV[2]), tonumber(ARGV[3]) - spent)

local result = { missed, wasted, 0, more }
local hottest = want > 0 and redis.call('ZRANGE', due, -want, -1) or {}
for i = #hottest, 1, -1 do
  local key = hottest[i]
  local till = left_alone(key)
  redis.call('ZREM', due, key)
  if till then
    -- Out of the way of the others, until its source is tried again.
    redis.call('ZADD', later, math.max(till, now + 1000), key)
    result[4] = 1
  else
    redis.call('ZADD', claimed, now + tonumber(ARGV[4]), key)
    spent = spent + 1
    result[#result + 1] = key
    result[#result + 1] = redis.call('ZSCORE', ends, key)
  end
end
redis.call('HSET', KEYS[7], 'minute', minute, 'keys', spent)
result[3] = redis.call('ZCARD', due)
return result
