-- One batch of the census: SCAN, and for each key its group, TTL, type and, for some, its memory. Changes nothing.
-- KEYS   none
-- ARGV   1 cursor
--        2 COUNT
--        3 prefix of the sessions' keys
--        4 '1': MEMORY USAGE may be called
--        5 every n-th string of a group is measured, besides its first ones; other types always are
--        6 smallest key that is reported as big, in bytes
--        7 most big keys to report
--        8 first strings of a group that are always measured, so that a small group is measured whole
--        9 and on: pieces of a glob as Lua patterns (redis/glob.ts): only keys that match are counted; none: all are
-- Result cursor, keys examined, µs spent, { label, { numbers as in census-tally.ts }, sum of squares as text, ... },
--        { big key, type, bytes, ... }
local cursor, count, sessions = ARGV[1], ARGV[2], ARGV[3]
local measures, nth = ARGV[4] == '1', tonumber(ARGV[5])
local big_from, big_wanted = tonumber(ARGV[6]), tonumber(ARGV[7])
local first_measured = tonumber(ARGV[8])
local call, sub, find, match = redis.pcall, string.sub, string.find, string.match

local began = redis.call('TIME')

-- The edges of census-tally.ts, in ms.
local EDGES = { 60000, 600000, 3600000, 21600000, 86400000, 604800000, 2592000000 }
local TYPE_AT = { string = 11, list = 12, set = 13, zset = 14, hash = 15, stream = 16 }
local OTHER_TYPE, SAMPLED, SAMPLED_BYTES, MEASURED, MEASURED_BYTES = 17, 18, 19, 20, 21

-- The same as labelOf in census-labels.ts; one table tests both.
local function label_of(key)
  if sub(key, 1, 7) == 'cache:{' then
    local inner, rest = match(key, '^cache:{([^}]*)}(.*)$')
    if not inner then return '(other)' end
    if rest ~= '' then return 'cache companions' end
    local name = match(inner, '^[^:]*:[^:]*') or inner
    if #name > 60 or find(name, '[^%w_.:%%-]') then return '(other)' end
    return name
  end
  if sub(key, 1, 12) == 'cache:epoch:' then return 'cache epochs' end
  if #sessions > 0 and sub(key, 1, #sessions) == sessions then
    if sub(key, #sessions + 1, #sessions + 6) == 'user:{' then return 'session users' end
    return 'sessions'
  end
  local first = match(key, '^([%w_.-]+):')
  return first and #first <= 60 and first .. ':' or '(other)'
end

local function bucket_of(ttl)
  if ttl < 0 then return 10 end
  for at = 1, #EDGES do
    if ttl <= EDGES[at] then return 1 + at end
  end
  return 9
end

local groups, squares, strings, big = {}, {}, {}, {}

local function group_of(label)
  local group = groups[label]
  if not group then
    group = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
    groups[label], squares[label], strings[label] = group, 0, 0
  end
  group[1] = group[1] + 1
  return group
end

-- The error texts of Redis up to 7.0, and of later versions and Valkey.
local function is_denied(reply)
  return find(reply.err, "can't access", 1, true) or find(reply.err, 'ACL failure', 1, true)
end

local function report_big(key, kind, bytes)
  if type(bytes) ~= 'number' or bytes < big_from or #big >= 3 * big_wanted then return end
  big[#big + 1], big[#big + 2], big[#big + 3] = key, kind, bytes
end

local batch = redis.call('SCAN', cursor, 'COUNT', count)
local keys = batch[2]
for i = 1, #keys do
  local key = keys[i]
  local ttl = matches(key, 9) and call('PTTL', key)
  -- False: does not match. A table is an error: no access, or the key has moved and is counted on its new node. -2: just expired.
  if type(ttl) == 'table' then
    if is_denied(ttl) then group_of('(no access)') end
  elseif ttl and ttl ~= -2 then
    local label = label_of(key)
    local group = group_of(label)
    local bucket = bucket_of(ttl)
    group[bucket] = group[bucket] + 1
    local kind = call('TYPE', key).ok
    local at = TYPE_AT[kind] or OTHER_TYPE
    group[at] = group[at] + 1
    if kind == 'string' then
      if measures and (strings[label] < first_measured or strings[label] % nth == 0) then
        local bytes = call('MEMORY', 'USAGE', key)
        if type(bytes) == 'number' then
          group[SAMPLED] = group[SAMPLED] + 1
          group[SAMPLED_BYTES] = group[SAMPLED_BYTES] + bytes
          squares[label] = squares[label] + bytes * bytes
        end
      end
      strings[label] = strings[label] + 1
      report_big(key, kind, call('STRLEN', key))
    elseif measures then
      local bytes = call('MEMORY', 'USAGE', key)
      if type(bytes) == 'number' then
        group[MEASURED] = group[MEASURED] + 1
        group[MEASURED_BYTES] = group[MEASURED_BYTES] + bytes
        report_big(key, kind, bytes)
      end
    end
  end
end

local found = {}
for label, group in pairs(groups) do
  found[#found + 1] = label
  found[#found + 1] = group
  found[#found + 1] = string.format('%.0f', squares[label])
end
local after = redis.call('TIME')
local spent = (tonumber(after[1]) - tonumber(began[1])) * 1000000 + tonumber(after[2]) - tonumber(began[2])
return { batch[1], #keys, spent, found, big }
