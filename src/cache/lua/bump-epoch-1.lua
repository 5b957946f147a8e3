-- Invalidates all that was stamped until now under a tag or prefix.
-- KEYS[1] epoch
-- ARGV[2] skew margin, ms  ARGV[3] time-to-live, ms  ARGV[4] greatest time of the other masters, ms
-- Result: the new epoch, ms
local now_ms = math.floor(now_us / 1000)
local last = redis.call('GET', KEYS[1])
if not (last and string.find(last, '^%d+$')) then last = '0' end
local epoch = math.max(math.max(now_ms, tonumber(ARGV[4])) + tonumber(ARGV[2]), tonumber(last) + 1)
local text = string.format('%.0f', epoch)
local ttl = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[3]))
redis.call('SET', KEYS[1], text, 'PX', string.format('%.0f', ttl))
return text
