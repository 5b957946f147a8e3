-- Retires a record whose id is regenerated. Running requests can still read its present content.
-- KEYS[1]: the record.
-- ARGV: 1 deadline, 2 grace ms (0: none), 3 meta that names the successor.
-- Result: the record as it was; '' if it did not exist.
local raw = redis.call('GET', KEYS[1])
local there = parse(raw)
if not raw or (there and there.kind == 'p') then
  return ''
end
local grace = tonumber(ARGV[2])
if not there or grace == 0 then
  redis.call('DEL', KEYS[1])
elseif there.kind == 's' then
  local ends = math.min(there.ends, now_ms + grace)
  redis.call('SET', KEYS[1], header('r', tonumber(there.version), there.created, ends, there.seen, there.idle,
    there.authenticated, there.generation) .. ARGV[3] .. '\n' .. there.payload)
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.max(1, ends - now_ms)))
end
return raw
