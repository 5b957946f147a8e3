-- One batch of the sessions sweep: SCAN, read each session's TTL, and set or cap it, in one call.
-- Runs on one node, over keys that it finds itself: for open-source servers, not for a proxy that spreads SCAN over several.
-- KEYS   none
-- ARGV   2 cursor
--        3 COUNT
--        4 beginning of the sessions' keys; empty if a glob says which keys are sessions
--        5 beginning of the keys that belong to users (indexes and login generations); with a glob, anywhere in the key
--        6 life of a session that does not state its own, in ms
--        7 longest allowed life, in ms
--        8 '1': change nothing
--        9 check every n-th record; 0: none
--       10 largest record that is not reported, in bytes
--       11 most hashes of changed keys to return
--       12 most members of an index to remove at once
--       13 and on: pieces of the glob as Lua patterns (redis/glob.ts); none: no glob
-- Result one text, which a client reads faster than a list of numbers: cursor, keys examined, µs spent, and the counts
--        in the order of COUNTS in sessions-sweep.ts, separated by spaces. If there are such keys, a list of that text,
--        { keys that have moved to another node } and { SHA-1 of some changed keys }
local cursor, count, prefix, users, has_glob = ARGV[2], ARGV[3], ARGV[4], ARGV[5], #ARGV > 12
local life, longest, dry = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8] == '1'
local nth, largest, wanted, members = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
local call, sub, find, now_ms = redis.pcall, string.sub, string.find, math.floor(now_us / 1000)

local matched, missing, over, given, capped = 0, 0, 0, 0, 0
local inspected, malformed, oversized, other_types, indexes, pruned = 0, 0, 0, 0, 0, 0
local elsewhere, changed = {}, {}

-- The remaining life that a record itself states, in ms, or nil. A record of ours holds when it was last seen, how long
-- it may be idle (0: no limit) and its latest end (docs/sessions.md); a record in JSON has a cookie.
local function own_life(head)
  if sub(head, 1, 4) == 'cs1 ' then
    local ends, seen, idle = tonumber(sub(head, 38, 50)), tonumber(sub(head, 52, 64)), tonumber(sub(head, 66, 78))
    if not (ends and seen and idle) then return nil end
    if idle > 0 and seen + idle < ends then ends = seen + idle end
    return math.max(1000, ends - now_ms)
  end
  local age = tonumber(string.match(head, '"originalMaxAge":(%d+)'))
  return age and math.max(1000, age)
end

local function is_sound(text)
  if sub(text, 1, 4) == 'cs1 ' then
    return string.match(text, '^cs1 [srp] %d+ %d+ %d+ %d+ %d+ %d+ [%w_-]+\n[^\n]*\n') ~= nil
  end
  return sub(text, 1, 1) == '{' and (pcall(cjson.decode, text))
end

local function inspect(key)
  inspected = inspected + 1
  local text = call('GETRANGE', key, '0', ARGV[10]) -- one byte more than the largest that is read
  if type(text) == 'table' then
    return
  elseif #text > largest then
    oversized = oversized + 1
  elseif #text > 0 and not is_sound(text) then
    malformed = malformed + 1
  end
end

-- Lua formats a number argument with 17 digits, which costs as much as the command; there are few different lives.
local texts = {}
local function text_of(ms)
  local text = texts[ms]
  if not text then
    text = string.format('%.0f', ms)
    texts[ms] = text
  end
  return text
end

local function set_life(key, ms)
  if not dry then redis.call('PEXPIRE', key, text_of(ms)) end -- not pcall: on a node that may not write, the batch fails
  if #changed < wanted then changed[#changed + 1] = redis.sha1hex(key) end
end

-- Removes members whose sessions have expired, a bounded number at a time; the index lives as long as its last member.
-- A login generation outlives every session by design, so keys of a user are never capped.
local function heal_user(key, ttl)
  local stale = sub(key, -9) == ':sessions' and call('ZCOUNT', key, '-inf', string.format('(%.0f', now_ms))
  if type(stale) == 'number' then
    indexes = indexes + 1
    if stale > 0 and not dry then
      -- Not pcall: a user without this right must see the error.
      pruned = pruned + redis.call('ZREMRANGEBYRANK', key, 0, math.min(stale, members) - 1)
    end
  end
  if ttl == -1 then
    missing = missing + 1
    set_life(key, 2 * longest)
  end
end

local function give(key)
  missing = missing + 1
  local head = call('GETRANGE', key, '0', '1023')
  local ms
  if type(head) == 'string' then ms = own_life(head) else other_types = other_types + 1 end
  ms = ms or life
  set_life(key, ms < longest and ms or longest)
end

-- What a key is: false not ours, 1 a session, 2 perhaps a user's. The prefix and one more byte decide most keys. This
-- runs for every key, and there are few beginnings, so they are looked up in a table.
local kinds = {}
local beginning = #prefix + 1
local function learn(first)
  local kind = false
  if sub(first, 1, #prefix) == prefix then kind = (has_glob or first == sub(users, 1, beginning)) and 2 or 1 end
  kinds[first] = kind
  return kind
end

local function is_users(key)
  if has_glob then return find(key, users, 1, true) ~= nil end
  return sub(key, 1, #users) == users
end

local batch = redis.call('SCAN', cursor, 'COUNT', count)
local keys = batch[2]
local due = nth > 0 and 1 + now_us % nth or 0
for i = 1, #keys do
  local key = keys[i]
  local first = sub(key, 1, beginning)
  local kind = kinds[first]
  if kind == nil then kind = learn(first) end
  if kind and (not has_glob or matches(key, 13)) then
    matched = matched + 1
    local ttl = call('PTTL', key)
    if type(ttl) == 'table' then
      elsewhere[#elsewhere + 1] = key
    elseif kind == 2 and is_users(key) then
      heal_user(key, ttl)
    else
      if ttl == -1 then
        give(key)
      elseif ttl > longest then
        over = over + 1
        set_life(key, longest)
      end
      if i == due then inspect(key) end
    end
  end
  if i == due then due = due + nth end
end

local after = redis.call('TIME')
local spent = tonumber(after[1]) * 1000000 + tonumber(after[2]) - now_us
if not dry then
  given, capped = missing, over
end
local text = table.concat({
  batch[1], #keys, spent,
  matched, missing, over, inspected, malformed, oversized, other_types, indexes, given, capped, pruned,
}, ' ')
if #elsewhere == 0 and #changed == 0 then return text end
return { text, elsewhere, changed }
