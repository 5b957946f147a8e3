-- Stores the record of a new session.
-- KEYS[1]: the record.
-- ARGV: 1 deadline, 2 idle ms, 3 absolute ms, 4 authenticated ms (0: now), 5 generation, 6 meta, 7 payload,
--   8 ends ms (0: now + absolute).
-- Result: {'saved', version, created, ends, authenticated}; {'gone'} if its time has already ended, or if the key
--   has a retired record, whose id must not be used again.
local there = redis.call('TYPE', KEYS[1]).ok == 'string' and parse(redis.call('GET', KEYS[1])) or nil
if there and there.kind == 'r' then
  return {'gone'}
end
local created, ends, version = now_ms, tonumber(ARGV[8]), now_us
if ends == 0 then
  ends = now_ms + tonumber(ARGV[3])
end
if there and there.kind == 's' then
  created, ends, version = there.created, math.min(ends, there.ends), math.max(now_us, tonumber(there.version) + 1)
end
local authenticated = tonumber(ARGV[4])
if authenticated == 0 then
  authenticated = now_ms
end
local idle = tonumber(ARGV[2])
redis.call('SET', KEYS[1],
  header('s', version, created, ends, now_ms, idle, authenticated, ARGV[5]) .. ARGV[6] .. '\n' .. ARGV[7])
if not expire(KEYS[1], idle, ends) then
  return {'gone'}
end
return {'saved', string.format('%016.0f', version), string.format('%.0f', created), string.format('%.0f', ends),
  string.format('%.0f', authenticated)}
