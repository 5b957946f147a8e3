-- After a commit (DESIGN, write-behind step 5): the store is known to hold this version, or a later one.
-- KEYS[1] entry  KEYS[2] lease
-- ARGV[2] version that the store holds  ARGV[3] life from now on, ms  ARGV[4] physical time-to-live, ms
-- Result: 'cleared' | 'dropped' | 'kept' | 'none'
local raw, kind = read(KEYS[1])
if kind ~= 'ours' and kind ~= 'newer' then
  -- A load under way may have read the row before the commit.
  redis.call('DEL', KEYS[2])
  return 'none'
end
local current = version_of(raw)
if current > ARGV[2] then return 'kept' end
if current < ARGV[2] then
  redis.call('DEL', KEYS[1], KEYS[2])
  return 'dropped'
end
if kind == 'ours' and is_dirty(raw) then
  redis.call('SETRANGE', KEYS[1], 1, string.format('%X', tonumber(string.sub(raw, 2, 2), 16) - 1))
  redis.call('SETRANGE', KEYS[1], 34, ms(now_ms + tonumber(ARGV[3])))
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
return 'cleared'
