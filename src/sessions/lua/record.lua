-- Precedes every script that reads or writes a record. docs/sessions.md has the layout.
-- Defines: now_ms, parse(raw), header(...), expire(key, idle, ends).
local now_ms = math.floor(now_us / 1000)
local NO_GENERATION = string.rep('-', 39)

-- The fields of one of our records, or nil.
local function parse(raw)
  if not raw or string.sub(raw, 1, 4) ~= 'cs1 ' then
    return nil
  end
  local meta_end = string.find(raw, '\n', 134, true)
  if not meta_end then
    return nil
  end
  return {
    kind = string.sub(raw, 5, 5),
    version = string.sub(raw, 7, 22),
    created = tonumber(string.sub(raw, 24, 36)),
    ends = tonumber(string.sub(raw, 38, 50)),
    seen = tonumber(string.sub(raw, 52, 64)),
    idle = tonumber(string.sub(raw, 66, 78)),
    authenticated = tonumber(string.sub(raw, 80, 92)),
    generation = string.sub(raw, 94, 132),
    meta = string.sub(raw, 134, meta_end - 1),
    payload = string.sub(raw, meta_end + 1),
  }
end

local function header(kind, version, created, ends, seen, idle, authenticated, generation)
  return string.format('cs1 %s %016.0f %013.0f %013.0f %013.0f %013.0f %013.0f %s\n',
    kind, version, created, ends, seen, idle, authenticated, generation)
end

-- Sets the lesser of idle and absolute lifetime; idle 0 means no expiry. False if the record's time has ended.
local function expire(key, idle, ends)
  if ends <= now_ms then
    redis.call('DEL', key)
    return false
  end
  if idle > 0 then
    redis.call('PEXPIRE', key, string.format('%.0f', math.min(idle, ends - now_ms)))
  else
    redis.call('PERSIST', key)
  end
  return true
end
