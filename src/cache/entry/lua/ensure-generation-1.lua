-- Before a load or a write: returns the generation of a tag or prefix, creates it if it is missing, and keeps it alive
-- longer than the entry.
-- KEYS[1] generation
-- ARGV[2] clock skew margin, ms  ARGV[3] time-to-live, ms
-- ARGV[4] the later of: the latest createdAt this process has used, and what it knew of this generation, ms
-- Result: the generation, ms
local now_ms = math.floor(now_us / 1000)
local generation = redis.call('GET', KEYS[1])
if generation and string.find(generation, '^%d+$') then
  if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
  return generation
end
-- A lost generation may have been this far ahead. A new one must not make valid what the lost one had invalidated.
generation = string.format('%.0f', math.max(now_ms + tonumber(ARGV[2]), tonumber(ARGV[4])))
redis.call('SET', KEYS[1], generation, 'PX', ARGV[3])
return generation
