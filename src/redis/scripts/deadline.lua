-- Begins every script that writes.
-- ARGV[1]: deadline, server time in ms since 1970. A call that arrives later changes nothing.
-- Sets: now_us, the server's time in microseconds (a whole number below 2^53, exact in a double; format it with
-- '%.0f', since tostring() would round it).
local time = redis.call('TIME')
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])
if now_us > tonumber(ARGV[1]) * 1000 then
  return redis.error_reply('E_DEADLINE the command arrived after its deadline and changed nothing')
end
