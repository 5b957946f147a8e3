-- Adds a session to its user's index and returns the login generation that it must have.
-- KEYS[1]: the login generation. KEYS[2]: the index, a sorted set scored by when each session ends at the latest.
-- ARGV: 1 deadline, 2 random part of a login generation, 3 how long that is kept (ms), 4 the session's id,
--   5 authenticated ms (0: now), 6 the generation it has ('' at login; '-' for a session of connect-redis' time, which
--   has none and dies with any revocation), 7 idle ms (0: no idle limit), 8 ends ms (0: now + absolute), 9 absolute ms, 10 the greatest number of sessions (0: no limit).
-- Result: {'revoked'} if its login generation is not the user's any more; else {'ok', login generation, authenticated,
--   ids of evicted sessions...}.
local now_ms = math.floor(now_us / 1000)
local generation = redis.call('GET', KEYS[1])
if ARGV[6] == '-' then
  if generation and string.sub(generation, 17, 17) ~= 'n' then
    return {'revoked'}
  end
elseif ARGV[6] ~= '' and generation ~= ARGV[6] then
  return {'revoked'}
end
if generation then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
else
  generation = string.format('%016.0fn%s', now_us, ARGV[2])
  redis.call('SET', KEYS[1], generation, 'PX', ARGV[3])
end
local authenticated, ends, idle = tonumber(ARGV[5]), tonumber(ARGV[8]), tonumber(ARGV[7])
if authenticated == 0 then
  authenticated = now_ms
end
if ends == 0 then
  ends = now_ms + tonumber(ARGV[9])
end
if idle > 0 then
  ends = math.min(ends, now_ms + idle)
end
-- A member begins with the time of its login, so that the oldest sorts first.
local function member(id)
  return string.format('%013.0f:%s', authenticated, id)
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now_ms))
redis.call('ZADD', KEYS[2], string.format('%.0f', ends), member(ARGV[4]))
redis.call('PEXPIRE', KEYS[2], ARGV[3])
local result, limit = {'ok', generation, string.format('%.0f', authenticated)}, tonumber(ARGV[10])
local surplus = limit > 0 and redis.call('ZCARD', KEYS[2]) - limit or 0
if surplus > 0 then
  local members = redis.call('ZRANGE', KEYS[2], 0, -1)
  table.sort(members)
  for _, name in ipairs(members) do
    if surplus > 0 and name ~= member(ARGV[4]) then
      redis.call('ZREM', KEYS[2], name)
      result[#result + 1] = string.sub(name, 15)
      surplus = surplus - 1
    end
  end
end
return result
