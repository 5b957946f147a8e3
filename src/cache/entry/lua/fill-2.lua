-- Stores a loaded value, if its load still holds the lease.
-- KEYS[1] entry  KEYS[2] lease
-- ARGV[2] lease  ARGV[3] version  ARGV[4] smallest createdAt that is valid, ms: clean entries created before it are
-- invalidated  ARGV[5] life, ms
-- ARGV[6] physical time-to-live, ms  ARGV[7] flags  ARGV[8] createdAt, ms  ARGV[9] cost, tags and payload
-- Result: {'filled', end of life ms} | {'superseded'} | {'older'} | {'foreign'}
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return {'superseded'} end
redis.call('DEL', KEYS[2])
local raw, kind = read(KEYS[1])
if kind == 'foreign' or kind == 'newer' then return {'foreign'} end
if kind == 'ours' and ARGV[3] < version_of(raw) then
  if is_dirty(raw) or created_at_of(raw) >= tonumber(ARGV[4]) then return {'older'} end
end
local expires = ms(now_ms + tonumber(ARGV[5]))
redis.call('SET', KEYS[1], 'A' .. ARGV[7] .. ARGV[3] .. ARGV[8] .. expires .. ARGV[9], 'PX', ARGV[6])
return {'filled', expires}
