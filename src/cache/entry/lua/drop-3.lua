-- Deletes an entry, and ends the right of a running load to store. Leaves a foreign value in place.
-- KEYS[1] entry  KEYS[2] lease  KEYS[3] settled mark
-- ARGV[2] version of the drop, or '' for now: a dirty entry newer than it stays, however late the drop arrives
-- ARGV[3] delete only this version of the entry, which is never shown again, or '' for any
-- ARGV[4] life of the mark, ms; 0 leaves none: nothing of this key is written behind
-- Result: 1 if there was an entry
local raw, kind = read(KEYS[1])
local ours = kind == 'ours' or kind == 'newer'
-- First, since it needs no memory: then a full server takes the rest as well.
redis.call('DEL', KEYS[2])
if ARGV[3] ~= '' then
  mark_settled(KEYS[3], ARGV[3], tonumber(ARGV[4]))
  if not (ours and version_of(raw) == ARGV[3]) then return 0 end
end
if not ours then return 0 end
if ARGV[2] ~= '' and is_dirty(raw) and version_of(raw) > ARGV[2] then return 0 end
redis.call('UNLINK', KEYS[1])
if ARGV[3] == '' then mark_settled(KEYS[3], version_of(raw), tonumber(ARGV[4])) end
return 1
