-- Removes a connect-redis record if it is still as it was loaded.
-- KEYS[1]: the record of connect-redis.
-- ARGV: 1 deadline, 2 SHA-1 of its text.
-- Result: {'taken'}; {'gone'}; {'conflict', record} if somebody has saved it since.
local raw = redis.call('GET', KEYS[1])
if not raw then
  return {'gone'}
end
if redis.sha1hex(raw) ~= ARGV[2] then
  return {'conflict', raw}
end
redis.call('DEL', KEYS[1])
return {'taken'}
