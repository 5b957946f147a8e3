-- After a miss: returns the entry if there is one after all, grants the lease, or says who is loading the key.
-- KEYS[1] entry  KEYS[2] lease
-- ARGV[2] token of the caller  ARGV[3] lifetime of the lease, ms  ARGV[4] header of the entry that the caller could not
-- use, or ''  ARGV[5] smallest createdAt that is valid, ms: the newest generation of the key + 1
-- ARGV[6] writer id, 3 digits
-- Result: {'entry', raw} | {'lease', lease, version for a source without versions} | {'loading', lease}
-- | {'failed', code}
-- A lease is the createdAt of its load in ms, 13 digits, and the token.
local raw, kind = read(KEYS[1])
if kind == 'ours' and string.sub(raw, 1, HEADER) ~= ARGV[4] then return {'entry', raw} end
local held = redis.call('GET', KEYS[2])
if held and string.sub(held, 1, 1) == '!' then return {'failed', string.sub(held, 2)} end
local min_created_at = tonumber(ARGV[5])
-- A load that a generation has invalidated may have read old data: nobody waits for it, and it may no longer store.
if held and (tonumber(string.sub(held, 1, 13)) or 0) >= min_created_at then return {'loading', held} end
local lease = ms(math.max(now_ms, min_created_at)) .. ARGV[2]
redis.call('SET', KEYS[2], lease, 'PX', ARGV[3])
local current = kind == 'ours' and version_of(raw) or NO_VERSION
return {'lease', lease, next_version(current, NO_VERSION, ARGV[6])}
