-- Replaces a user's login generation, which ends every session with another one. It has no deadline and is safe to
-- repeat: a revocation that is older than the stored one changes nothing.
-- KEYS[1]: the login generation. KEYS[2]: the index, which is deleted.
-- ARGV: 1 'r' or 'o' (all but one), and the random part, 2 how long it is kept (ms), 3 a login generation to repeat ('' for a new one).
-- Result: {the current login generation, the one before or ''}.
local time = redis.call('TIME')
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])
local before = redis.call('GET', KEYS[1]) or ''
local generation = ARGV[3]
if generation == '' then
  local last = tonumber(string.sub(before, 1, 16)) or 0
  generation = string.format('%016.0f%s', math.max(now_us, last + 1), ARGV[1])
elseif string.sub(before, 1, 16) >= string.sub(generation, 1, 16) then
  return {before, before}
end
redis.call('SET', KEYS[1], generation, 'PX', ARGV[2])
redis.call('UNLINK', KEYS[2])
return {generation, before}
