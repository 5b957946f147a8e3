-- A read that missed: the entry if there is one after all, or the right to load it, or who is loading it.
-- KEYS[1] entry  KEYS[2] lease
-- ARGV[2] token of the caller  ARGV[3] life of the lease, ms  ARGV[4] header of the entry the caller found unusable,
-- or ''  ARGV[5] least stamp, ms: the newest epoch of the key + 1  ARGV[6] writer id, 3 digits
-- Result: {'entry', raw} | {'lease', stamp ms, version for a load that has none} | {'loading', token}
--   | {'failed', code}
local raw, kind = read(KEYS[1])
if kind == 'ours' and string.sub(raw, 1, HEADER) ~= ARGV[4] then return {'entry', raw} end
local held = redis.call('GET', KEYS[2])
if held then
  if string.sub(held, 1, 1) == '!' then return {'failed', string.sub(held, 2)} end
  return {'loading', held}
end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
local current = kind == 'ours' and version_of(raw) or NO_VERSION
return {'lease', ms(math.max(now_ms, tonumber(ARGV[5]))), next_version(current, NO_VERSION, ARGV[6])}
