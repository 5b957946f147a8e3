-- Precedes every script that touches an entry, after the deadline prelude: reads its header (docs/entry-format.md).
local HEADER = 57
local NO_VERSION = '0000000000000000000'
local now_ms = math.floor(now_us / 1000)

local function kind_of(raw)
  local format = string.sub(raw, 1, 1)
  if format == 'A' and #raw >= HEADER and string.find(string.sub(raw, 2, HEADER), '^%x%d+$') then return 'ours' end
  if format > 'A' and format <= 'Z' and #raw >= 21 and string.find(string.sub(raw, 2, 21), '^%x%d+$') then return 'newer' end
  return 'foreign'
end

-- The raw value and its kind: 'none', 'ours', 'newer' (written by a later format) or 'foreign'.
local function read(key)
  local raw = redis.pcall('GET', key)
  if type(raw) == 'table' then return false, 'foreign' end
  if not raw then return false, 'none' end
  return raw, kind_of(raw)
end

local function version_of(raw) return string.sub(raw, 3, 21) end
local function created_at_of(raw) return tonumber(string.sub(raw, 22, 34)) end
local function is_dirty(raw) return tonumber(string.sub(raw, 2, 2), 16) % 2 == 1 end
local function ms(value) return string.format('%013.0f', value) end

-- Both take the first HEADER bytes of a key, or the error of reading them: whether this is an entry of ours, and whether
-- it has this version or a later one.
local function is_entry(raw) return type(raw) == 'string' and kind_of(raw) ~= 'foreign' end
local function is_as_new(raw, version) return is_entry(raw) and version_of(raw) >= version end

-- The next version of a key: after the server's time, the entry's version, and `seen`, the last version that the
-- calling process knows of.
local function next_version(current, seen, writer)
  local micros = math.max(now_us, tonumber(string.sub(current, 1, 16)) + 1, tonumber(string.sub(seen, 1, 16)) + 1)
  return string.format('%016.0f', micros) .. writer
end

-- The version in a settled mark: writes of that version and of older ones must not be shown any more.
local function settled_version(mark)
  local version = redis.pcall('GET', mark)
  if type(version) == 'string' and #version == 19 then return version end
  return NO_VERSION
end

-- Leaves the mark for `life` ms, unless the write of that version is too old to be shown late.
local function mark_settled(mark, version, life)
  if now_us - tonumber(string.sub(version, 1, 16)) > life * 1000 then return end
  local marked = settled_version(mark)
  redis.call('SET', mark, marked > version and marked or version, 'PX', life)
end
