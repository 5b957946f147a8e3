-- The version of a write that is about to happen. Writes nothing, but has a deadline like a writing script: a version
-- that arrives late is of no use.
-- KEYS[1] entry  KEYS[2] lease
-- ARGV[2] writer id, 3 digits  ARGV[3] last version the process saw
-- Result: version
local raw, kind = read(KEYS[1])
local current = NO_VERSION
if kind == 'ours' or kind == 'newer' then current = version_of(raw) end
return next_version(current, ARGV[3], ARGV[2])
