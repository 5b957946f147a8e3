-- Stands before scripts that match keys. True if a key matches a glob: ARGV holds its pieces from `first` on, as Lua
-- patterns (glob.ts). Each is taken at the first place where it is found; without pieces, every key matches.
local function matches(key, first)
  local at = 1
  for n = first, #ARGV do
    local from, to = string.find(key, ARGV[n], at)
    if not from then return false end
    at = to + 1
  end
  return true
end
