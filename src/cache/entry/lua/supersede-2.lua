-- After a database commit, for the rows that settle-1 returned: deletes an entry that is older than the store's row, and
-- ends the right of a running load to store, because it may have read the row before the commit.
-- KEYS two per row, all in one slot: entry, lease
-- ARGV[2] the versions that the store holds, 19 digits each, concatenated
-- Result: how many rows had no entry of that version or a later one
local ended = 0
for row = 1, #KEYS / 2 do
  local entry, lease = KEYS[row * 2 - 1], KEYS[row * 2]
  local raw = redis.pcall('GETRANGE', entry, 0, HEADER - 1)
  if not is_as_new(raw, string.sub(ARGV[2], row * 19 - 18, row * 19)) then
    redis.call('DEL', lease)
    if is_entry(raw) then redis.call('DEL', entry) end
    ended = ended + 1
  end
end
return ended
