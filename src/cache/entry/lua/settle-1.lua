-- After a database commit: clears the dirty flag of every entry that still has the committed version. An entry that can't
-- be cleared is deleted.
-- KEYS one per row, all in one slot: entry
-- ARGV[2] life from now on, ms  ARGV[3] physical time-to-live, ms
-- ARGV[4] the versions that the store holds, 19 digits each, concatenated: one argument costs less than many
-- Result: numbers of the rows whose entry is missing or older. Pass those to supersede-3
local versions, ttl, life = ARGV[4], ARGV[3], ms(now_ms + tonumber(ARGV[2]))
-- Flags without the dirty bit.
local clean_of = { ['1'] = '0', ['3'] = '2', ['5'] = '4', ['7'] = '6', ['9'] = '8', B = 'A', D = 'C', F = 'E' }
local call, pcall, sub, missed = redis.call, redis.pcall, string.sub, {}
for row = 1, #KEYS do
  local entry, stored = KEYS[row], sub(versions, row * 19 - 18, row * 19)
  local raw = pcall('GETRANGE', entry, 0, HEADER - 1)
  -- The usual case, without the checks and conversions of is_as_new.
  local is_it = type(raw) == 'string' and #raw == HEADER and sub(raw, 1, 1) == 'A' and sub(raw, 3, 21) == stored
  local clean = is_it and clean_of[sub(raw, 2, 2)]
  if clean then
    -- A full server refuses SETRANGE, but not UNLINK, which needs no memory.
    local written = pcall('SETRANGE', entry, 1, clean .. stored .. sub(raw, 22, 34) .. life)
    if type(written) == 'number' then call('PEXPIRE', entry, ttl) else call('UNLINK', entry) end
  elseif not is_as_new(raw, stored) then
    missed[#missed + 1] = row
  end
end
return missed
