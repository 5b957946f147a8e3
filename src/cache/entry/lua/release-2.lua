-- Ends a load that stores nothing. A failure may be shared for a moment, in the lease's place.
-- KEYS[1] entry  KEYS[2] lease
-- ARGV[2] lease  ARGV[3] how long the failure is shared, ms; 0 shares nothing  ARGV[4] its code
-- Result: 1 where the lease was still the caller's
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
if tonumber(ARGV[3]) > 0 then
  redis.call('SET', KEYS[2], '!' .. ARGV[4], 'PX', ARGV[3])
else
  redis.call('DEL', KEYS[2])
end
return 1
