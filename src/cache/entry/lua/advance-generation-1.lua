-- Invalidates every entry created until now under a tag or prefix.
-- KEYS[1] generation
-- ARGV[2] clock skew margin, ms  ARGV[3] time-to-live, ms  ARGV[4] latest time of the other masters, ms
-- ARGV[5] latest createdAt that this process has used, ms. It can lie ahead of now and the margin: a createdAt is later
-- than every generation of its entry, and a generation may have been set in this very millisecond
-- Result: the new generation, ms
local now_ms = math.floor(now_us / 1000)
local last = redis.call('GET', KEYS[1])
if not (last and string.find(last, '^%d+$')) then last = '0' end
local until_now = math.max(now_ms, tonumber(ARGV[4])) + tonumber(ARGV[2]) + 1
local generation = math.max(until_now, tonumber(last) + 1, tonumber(ARGV[5]))
local text = string.format('%.0f', generation)
local ttl = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[3]))
redis.call('SET', KEYS[1], text, 'PX', string.format('%.0f', ttl))
return text
