-- Unlinks an entry that a generation has invalidated, unless it was written again since its header was read.
-- KEYS[1] entry
-- ARGV[2] header that was read
-- Result: 1 if it was unlinked
local raw, kind = read(KEYS[1])
if kind ~= 'ours' or is_dirty(raw) or string.sub(raw, 1, HEADER) ~= ARGV[2] then return 0 end
return redis.call('UNLINK', KEYS[1])
