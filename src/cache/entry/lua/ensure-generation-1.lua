-- The epoch of a tag or prefix before a load: made where it is missing, kept alive longer than what is loaded.
-- KEYS[1] epoch
-- ARGV[2] skew margin, ms  ARGV[3] time-to-live, ms
-- ARGV[4] the greatest stamp this process has given out, or what it knew of this epoch if that is more, ms
-- Result: the epoch, ms
local now_ms = math.floor(now_us / 1000)
local epoch = redis.call('GET', KEYS[1])
if epoch and string.find(epoch, '^%d+$') then
  if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
  return epoch
end
-- A lost epoch may have been this far ahead: nothing that it had killed may come back.
epoch = string.format('%.0f', math.max(now_ms + tonumber(ARGV[2]), tonumber(ARGV[4])))
redis.call('SET', KEYS[1], epoch, 'PX', ARGV[3])
return epoch
