-- Destroys a session. It has no deadline: a late destruction is still wanted.
-- KEYS[1]: the record.
-- Result: the record as it was, '' if there was none.
local raw = redis.call('TYPE', KEYS[1]).ok == 'string' and redis.call('GET', KEYS[1]) or ''
redis.call('DEL', KEYS[1])
return raw
