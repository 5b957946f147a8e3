-- Records that a session is in use. The version stays, so no save conflicts with it.
-- KEYS[1]: the record.
-- ARGV: 1 deadline, 2 idle ms.
-- Result: 1, or 0 if there is no live session.
local raw, idle = redis.call('GET', KEYS[1]), tonumber(ARGV[2])
local there = parse(raw)
if not raw or (there and there.kind ~= 's') then
  return 0
end
if not there then
  return idle > 0 and redis.call('PEXPIRE', KEYS[1], ARGV[2]) or 1
end
redis.call('SETRANGE', KEYS[1], 51, string.format('%013.0f %013.0f', now_ms, idle))
return expire(KEYS[1], idle, there.ends) and 1 or 0
