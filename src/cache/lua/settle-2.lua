-- After a commit (DESIGN, write-behind step 5): the store is known to hold these versions, or later ones.
-- KEYS two a row, all of one slot: entry, lease
-- ARGV[2] life from now on, ms  ARGV[3] physical time-to-live, ms  then one a row: the version that the store holds
-- Result: entries that were dirty and are so no longer
local cleared, leases = 0, {}
local life = ms(now_ms + tonumber(ARGV[2]))
for row = 1, #KEYS / 2 do
  local entry, stored = KEYS[row * 2 - 1], ARGV[row + 3]
  local raw, kind = read_header(entry)
  if kind ~= 'ours' and kind ~= 'newer' then
    -- A load under way may have read the row before the commit.
    leases[#leases + 1] = KEYS[row * 2]
  else
    local current = version_of(raw)
    if current < stored then
      redis.call('DEL', entry, KEYS[row * 2])
    elseif current == stored and kind == 'ours' and is_dirty(raw) then
      local clean = string.format('%X', tonumber(string.sub(raw, 2, 2), 16) - 1)
      redis.call('SETRANGE', entry, 1, clean .. string.sub(raw, 3, 34) .. life)
      redis.call('PEXPIRE', entry, ARGV[3])
      cleared = cleared + 1
    end
  end
end
if #leases > 0 then redis.call('DEL', unpack(leases)) end
return cleared
