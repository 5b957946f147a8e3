-- After a database commit, for the rows that settle-1 returned: deletes an entry that is older than the store's row, and
-- ends the right of a running load to store, because it may have read the row before the commit. A write of that version
-- or an older one that is shown late finds the mark. One that was shown since settle-1 is deleted if it is still dirty.
-- KEYS three per row, all in one slot: entry, lease, settled mark
-- ARGV[2] the versions that the store holds, 19 digits each, concatenated  ARGV[3] life of a mark, ms
-- Result: how many rows had no entry of that version or a later one
local ended, life = 0, tonumber(ARGV[3])
for row = 1, #KEYS / 3 do
  local entry, lease, mark = KEYS[row * 3 - 2], KEYS[row * 3 - 1], KEYS[row * 3]
  local stored = string.sub(ARGV[2], row * 19 - 18, row * 19)
  local raw = redis.pcall('GETRANGE', entry, 0, HEADER - 1)
  if not is_as_new(raw, stored) or (is_dirty(raw) and version_of(raw) == stored) then
    -- First, since it needs no memory: then a full server takes the mark as well.
    redis.call('DEL', lease)
    if is_entry(raw) then redis.call('UNLINK', entry) end
    mark_settled(mark, stored, life)
    ended = ended + 1
  end
end
return ended
