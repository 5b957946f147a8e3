-- Stands before the page scripts. Whether a key matches a glob: ARGV holds its pieces from `first` on, as Lua patterns
-- (glob.ts). Each is taken where it is first found; where there are none, every key matches.
local function matches(key, first)
  local at = 1
  for n = first, #ARGV do
    local from, to = string.find(key, ARGV[n], at)
    if not from then return false end
    at = to + 1
  end
  return true
end
