-- Unlinks an entry that an epoch has killed, unless it was written again since it was looked at.
-- KEYS[1] entry
-- ARGV[2] header it had
-- Result: 1 where it was unlinked
local raw, kind = read(KEYS[1])
if kind ~= 'ours' or is_dirty(raw) or string.sub(raw, 1, HEADER) ~= ARGV[2] then return 0 end
return redis.call('UNLINK', KEYS[1])
