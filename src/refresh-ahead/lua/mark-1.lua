-- Requests the refresh of an entry. One process may refresh it at a time, and only within its whole lifetime.
-- KEYS: marker ("since:end:at": refreshed since when without a gap, end of life of the entry last marked, when that was)
-- ARGV: 1 deadline, 2 end of the entry's life in ms, 3 whole lifetime in ms, 4 how long a mark holds off others in ms,
--   5 life of the marker in ms: until the refreshed entry has expired
-- Result: 'granted' | 'asked' (somebody is refreshing this entry) | 'over' (the lifetime has ended)
local now = math.floor(now_us / 1000)
local since, marked, at = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+):(%d+):(%d+)$')
if marked and tonumber(ARGV[2]) <= tonumber(marked) and now < tonumber(at) + tonumber(ARGV[4]) then return 'asked' end
since = tonumber(since or now)
if now - since > tonumber(ARGV[3]) then return 'over' end
redis.call('SET', KEYS[1], string.format('%.0f:%s:%.0f', since, ARGV[2], now), 'PX', ARGV[5])
return 'granted'
