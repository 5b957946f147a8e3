-- Deletes an entry, and ends the right of a running load to store. Leaves a foreign value in place.
-- KEYS[1] entry  KEYS[2] lease
-- ARGV[2] version of the drop, or '' for now: a dirty entry newer than it stays, however late the drop arrives
-- ARGV[3] delete only this version of the entry, or '' for any
-- Result: 1 if there was an entry
local raw, kind = read(KEYS[1])
local ours = kind == 'ours' or kind == 'newer'
if ARGV[3] ~= '' and not (ours and version_of(raw) == ARGV[3]) then return 0 end
redis.call('DEL', KEYS[2])
if not ours then return 0 end
if ARGV[2] ~= '' and is_dirty(raw) and version_of(raw) > ARGV[2] then return 0 end
redis.call('UNLINK', KEYS[1])
return 1
