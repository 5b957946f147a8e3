-- First step of taking over a record of connect-redis, which lives under another key and, on a cluster, on another
-- node: its content is laid down here, not alive yet. Then the other is removed, then this one is settled; destroying
-- removes the other first. So no order of the two revives what was destroyed, and a crash between logs out.
-- KEYS[1]: the record.
-- ARGV: 1 deadline, 2 idle ms, 3 absolute ms, 4 payload.
-- Result: 1, or 0 if another process has already moved it.
local there = parse(redis.call('GET', KEYS[1]))
if there and there.kind ~= 'p' then
  return 0
end
redis.call('SET', KEYS[1], header('p', now_us, now_ms, now_ms + tonumber(ARGV[3]), now_ms, tonumber(ARGV[2]), now_ms,
  NO_GENERATION) .. '{}\n' .. ARGV[4], 'PX', 10000)
return 1
