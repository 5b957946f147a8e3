-- Invalidates all that was stamped until now under a tag or prefix.
-- KEYS[1] epoch
-- ARGV[2] skew margin, ms  ARGV[3] time-to-live, ms  ARGV[4] greatest time of the other masters, ms
-- ARGV[5] the greatest stamp this process has given out, ms: a stamp lies above every epoch of its entry, and so, if an
-- epoch was made in this very millisecond, above now and the margin
-- Result: the new epoch, ms
local now_ms = math.floor(now_us / 1000)
local last = redis.call('GET', KEYS[1])
if not (last and string.find(last, '^%d+$')) then last = '0' end
local until_now = math.max(now_ms, tonumber(ARGV[4])) + tonumber(ARGV[2]) + 1
local epoch = math.max(until_now, tonumber(last) + 1, tonumber(ARGV[5]))
local text = string.format('%.0f', epoch)
local ttl = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[3]))
redis.call('SET', KEYS[1], text, 'PX', string.format('%.0f', ttl))
return text
