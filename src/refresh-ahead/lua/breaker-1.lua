-- Records the results of loads of an entity for all processes. Opens its breaker when loads keep failing.
-- KEYS: breakers (hash: entity -> failures in a row, a colon, open until in ms)
-- ARGV: 1 deadline, 2 entity, 3 loads that went well, 4 loads that failed, 5 failures that open it, 6 first pause in
--   ms, 7 longest pause in ms
-- Result: open until, in ms since 1970; 0 while closed
local entity, well, failed = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
if well > 0 then
  redis.call('HDEL', KEYS[1], entity)
  return 0
end
local known = redis.call('HGET', KEYS[1], entity)
local failures = tonumber(known and string.match(known, '^%d+') or 0) + failed
local open_until = 0
if failures >= tonumber(ARGV[5]) then
  local doublings = math.min(20, math.floor(failures / tonumber(ARGV[5])) - 1)
  open_until = math.floor(now_us / 1000) + math.min(tonumber(ARGV[7]), tonumber(ARGV[6]) * 2 ^ doublings)
end
redis.call('HSET', KEYS[1], entity, string.format('%.0f:%.0f', failures, open_until))
return string.format('%.0f', open_until)
