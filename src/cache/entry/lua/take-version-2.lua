-- The version of a write that is about to happen (DESIGN, write-behind step 1). Writes nothing, but late is as good
-- as never: a version is only useful now.
-- KEYS[1] entry  KEYS[2] lease
-- ARGV[2] writer id, 3 digits  ARGV[3] last version the process saw
-- Result: version
local raw, kind = read(KEYS[1])
local current = NO_VERSION
if kind == 'ours' or kind == 'newer' then current = version_of(raw) end
return next_version(current, ARGV[3], ARGV[2])
