-- Ends a load that stores nothing. The lease's key can share the failure of the load for a moment.
-- KEYS[1] entry  KEYS[2] lease
-- ARGV[2] lease  ARGV[3] how long to share the failure, ms; 0 shares nothing  ARGV[4] code of the failure
-- Result: 1 if the caller still held the lease
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
if tonumber(ARGV[3]) > 0 then
  redis.call('SET', KEYS[2], '!' .. ARGV[4], 'PX', ARGV[3])
else
  redis.call('DEL', KEYS[2])
end
return 1
