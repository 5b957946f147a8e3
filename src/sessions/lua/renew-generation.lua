-- Gives a session its user's new login generation after all others were revoked.
-- KEYS[1]: the record.
-- ARGV: 1 deadline, 2 the login generation it must have, 3 the new one.
-- Result: 1, or 0 if it does not exist or has another login generation.
local there = parse(redis.call('GET', KEYS[1]))
if not there or there.kind ~= 's' or there.generation ~= ARGV[2] then
  return 0
end
redis.call('SETRANGE', KEYS[1], 93, ARGV[3])
return 1
