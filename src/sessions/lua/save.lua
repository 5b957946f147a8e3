-- Saves a loaded session, only onto an existing record and only if nobody has saved it since.
-- KEYS[1]: the record.
-- ARGV: 1 deadline, 2 expected version (of a connect-redis record: the SHA-1 of its text), 3 idle ms, 4 absolute ms,
--   5 payload; to change the user also 6 meta, 7 login generation, 8 authenticated ms.
-- Result: {'saved', version, ends}; {'gone'}; {'conflict', record} if somebody has saved it since; {'retired', record}
--   if its id was regenerated since; {'pending'} if it is being moved from connect-redis' key.
local raw = redis.call('GET', KEYS[1])
local there = parse(raw)
if not raw then
  return {'gone'}
end
if there and there.kind == 'p' then
  return {'pending'}
end
if there and there.kind == 'r' then
  return {'retired', raw}
end
if ARGV[2] ~= (there and there.version or redis.sha1hex(raw)) then
  return {'conflict', raw}
end
if not there then
  there = {version = 0, created = now_ms, ends = now_ms + tonumber(ARGV[4]), authenticated = now_ms,
    generation = NO_GENERATION, meta = '{}'}
end
if ARGV[6] then
  there.meta, there.generation, there.authenticated = ARGV[6], ARGV[7], tonumber(ARGV[8])
end
local version, idle = math.max(now_us, tonumber(there.version) + 1), tonumber(ARGV[3])
redis.call('SET', KEYS[1], header('s', version, there.created, there.ends, now_ms, idle, there.authenticated,
  there.generation) .. there.meta .. '\n' .. ARGV[5])
if not expire(KEYS[1], idle, there.ends) then
  return {'gone'}
end
return {'saved', string.format('%016.0f', version), string.format('%.0f', there.ends)}
