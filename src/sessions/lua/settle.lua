-- Activates the record that replaces a connect-redis record.
-- KEYS[1]: the record.
-- ARGV: 1 deadline.
-- Result: 1, or 0 if it was destroyed meanwhile.
local there = parse(redis.call('GET', KEYS[1]))
if not there or there.kind ~= 'p' then
  return 0
end
redis.call('SETRANGE', KEYS[1], 4, 's')
return expire(KEYS[1], there.idle, there.ends) and 1 or 0
