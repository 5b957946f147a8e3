-- Writes an entry that was not loaded: set, warm, write-through and write-behind.
-- KEYS[1] entry  KEYS[2] lease  KEYS[3] settled mark
-- ARGV[2] version, or '' to take one here  ARGV[3] writer id, 3 digits  ARGV[4] last version the process saw
-- ARGV[5] 'any' | 'absent' (leaves a live entry and a running load alone) | 'newer' (yields to this version or later,
-- in the entry or in the mark)
-- ARGV[6] flags  ARGV[7] smallest createdAt that is valid, ms: the newest generation of the key + 1  ARGV[8] life, ms
-- ARGV[9] physical time-to-live, ms  ARGV[10] cost, tags and payload
-- Result: {'stored', version} | {'kept', version of the entry or of the mark} | {'foreign'}
local raw, kind = read(KEYS[1])
if kind == 'foreign' then return {'foreign'} end
local current = kind == 'none' and NO_VERSION or version_of(raw)
local min_created_at = tonumber(ARGV[7])
if ARGV[5] == 'absent' then
  if kind == 'newer' then return {'kept', current} end
  if kind == 'ours' and (is_dirty(raw) or
      (created_at_of(raw) >= min_created_at and tonumber(string.sub(raw, 35, 47)) > now_ms)) then
    return {'kept', current}
  end
else
  redis.call('DEL', KEYS[2])
  if ARGV[5] == 'newer' then
    local settled = settled_version(KEYS[3])
    if settled > current then current = settled end
    if current >= ARGV[2] then return {'kept', current} end
  end
end
local version = ARGV[2]
if version == '' then version = next_version(current, ARGV[4], ARGV[3]) end
local header = 'A' .. ARGV[6] .. version .. ms(math.max(now_ms, min_created_at)) .. ms(now_ms + tonumber(ARGV[8]))
redis.call('SET', KEYS[1], header .. ARGV[10], 'PX', ARGV[9])
return {'stored', version}
