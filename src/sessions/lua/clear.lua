-- Removes a key if it holds a session; another's key under the same prefix is left alone.
-- KEYS[1]: the key.
-- ARGV: 1 deadline.
-- Result: 1 if it was removed.
if redis.call('TYPE', KEYS[1]).ok ~= 'string' then
  return 0
end
local head = redis.call('GETRANGE', KEYS[1], 0, 3)
if head ~= 'cs1 ' and string.sub(head, 1, 1) ~= '{' then
  return 0
end
return redis.call('UNLINK', KEYS[1])
