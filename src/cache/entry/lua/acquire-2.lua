-- A read that missed: the entry if there is one after all, or the right to load it, or who is loading it.
-- KEYS[1] entry  KEYS[2] lease
-- ARGV[2] token of the caller  ARGV[3] life of the lease, ms  ARGV[4] header of the entry the caller found unusable,
-- or ''  ARGV[5] least stamp, ms: the newest epoch of the key + 1  ARGV[6] writer id, 3 digits
-- Result: {'entry', raw} | {'lease', lease, version for a load that has none} | {'loading', lease} | {'failed', code}
-- A lease is its stamp in ms, 13 digits, and the token.
local raw, kind = read(KEYS[1])
if kind == 'ours' and string.sub(raw, 1, HEADER) ~= ARGV[4] then return {'entry', raw} end
local held = redis.call('GET', KEYS[2])
if held and string.sub(held, 1, 1) == '!' then return {'failed', string.sub(held, 2)} end
local least = tonumber(ARGV[5])
-- A load that an epoch has killed may have read what was invalidated: nobody waits for it, and it stores no more.
if held and (tonumber(string.sub(held, 1, 13)) or 0) >= least then return {'loading', held} end
local lease = ms(math.max(now_ms, least)) .. ARGV[2]
redis.call('SET', KEYS[2], lease, 'PX', ARGV[3])
local current = kind == 'ours' and version_of(raw) or NO_VERSION
return {'lease', lease, next_version(current, NO_VERSION, ARGV[6])}
