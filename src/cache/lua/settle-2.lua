-- After a commit (DESIGN, write-behind step 5): the store is known to hold these versions, or later ones.
-- KEYS two a row, all of one slot: entry, lease
-- ARGV[2] life from now on, ms  ARGV[3] physical time-to-live, ms  then one a row: the version that the store holds
-- Result: entries that were dirty and are so no longer
local cleared, leases = 0, {}
local life = ms(now_ms + tonumber(ARGV[2]))
-- Flags without the dirty bit. Nearly every row takes this way: it spares the others' checks and the conversions.
local clean_of = { ['1'] = '0', ['3'] = '2', ['5'] = '4', ['7'] = '6', ['9'] = '8', B = 'A', D = 'C', F = 'E' }
local call, pcall, sub, ttl = redis.call, redis.pcall, string.sub, ARGV[3]
for row = 1, #KEYS / 2 do
  local entry, stored = KEYS[row * 2 - 1], ARGV[row + 3]
  local raw = pcall('GETRANGE', entry, 0, HEADER - 1)
  local is_it = type(raw) == 'string' and #raw == HEADER and sub(raw, 1, 1) == 'A' and sub(raw, 3, 21) == stored
  local clean = is_it and clean_of[sub(raw, 2, 2)]
  if clean then
    call('SETRANGE', entry, 1, clean .. stored .. sub(raw, 22, 34) .. life)
    call('PEXPIRE', entry, ttl)
    cleared = cleared + 1
  else
    local kind = type(raw) == 'table' and 'foreign' or raw == '' and 'none' or kind_of(raw)
    if kind ~= 'ours' and kind ~= 'newer' then
      -- A load under way may have read the row before the commit.
      leases[#leases + 1] = KEYS[row * 2]
    elseif version_of(raw) < stored then
      call('DEL', entry, KEYS[row * 2])
    end
  end
end
if #leases > 0 then call('DEL', unpack(leases)) end
return cleared
