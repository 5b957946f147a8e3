-- After a commit (DESIGN, write-behind step 5), for rows that settle-1 named: an entry older than the store's goes, and
-- so does the right of a running load to store, for it may have read the row before the commit.
-- KEYS two a row, all of one slot: entry, lease
-- ARGV[2] the versions that the store is known to hold, 19 digits each, end to end
-- Result: rows where something was ended
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
