-- Adds the reads of a process: entries past their refresh point, and entries read before it.
-- KEYS: sorted sets by key, all of times in ms. What is in one of them is in `heat` too, and all but that in `ends`:
--   later (the refresh point of a hot entry), due (as heat: the hottest is refreshed first), claimed (when a claim
--   lapses), ends (end of the entry's life), heat (when the key will have cooled down to one read), fresh (end of a
--   refreshed entry's life, until it is read)
-- ARGV: 1 deadline, 2 most keys to keep, 3 heat from which an entry is refreshed without a request, 4 time in which heat falls to
--   its e-th part, in ms; then four a key: key, refresh point (0: the read found it passed), end of life, reads
-- Result: { refreshed entries that were read, refreshed ones forgotten unread, keys whose entry still lives, forgotten as the coldest }
local later, due, claimed, ends, heat, fresh = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local most, hot, cooling = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local now = math.floor(now_us / 1000)
local used, unread, forgotten = 0, 0, 0

local function score(set, key)
  local found = redis.call('ZSCORE', set, key)
  return found and tonumber(found)
end

for i = 5, #ARGV, 4 do
  local key, point, ends_at, reads = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local cold_at, known = score(heat, key), score(ends, key)
  local warmth = reads + (cold_at and math.exp((cold_at - now) / cooling) or 0)
  cold_at = now + cooling * math.log(warmth)
  redis.call('ZADD', heat, cold_at, key)

  -- A read of an entry that has been replaced requests nothing: the new entry has its own life.
  if not known or ends_at >= known then
    if known and ends_at > known then
      for _, set in ipairs({ later, due, claimed }) do redis.call('ZREM', set, key) end
    end
    redis.call('ZADD', ends, ends_at, key)
    if score(fresh, key) == ends_at then used = used + redis.call('ZREM', fresh, key) end
    if not score(claimed, key) then
      if point == 0 or score(due, key) then
        redis.call('ZREM', later, key)
        redis.call('ZADD', due, cold_at, key)
      elseif warmth >= hot then
        redis.call('ZADD', later, point, key)
      end
    end
  end
end

local excess = redis.call('ZCARD', heat) - most
if excess > 0 then
  for _, key in ipairs(redis.call('ZRANGE', heat, 0, math.min(excess, 500) - 1)) do
    unread = unread + redis.call('ZREM', fresh, key)
    forgotten = forgotten + redis.call('ZREM', ends, key)
    for _, set in ipairs({ later, due, claimed, heat }) do redis.call('ZREM', set, key) end
  end
end
return { used, unread, forgotten }
