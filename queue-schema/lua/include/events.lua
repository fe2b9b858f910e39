-- events.lua: what happens, for whoever watches. Of each source the newest are kept.
-- @include base

-- Nothing depends on events: a key that can't take them stops nobody's work. Trimming by whole nodes is cheap, and the
-- stream exceeds its bound by one node at most.
local function write_event(source, json)
  if EVENTS == 0 then return end
  local done = redis.pcall('XADD', P .. 'ev:' .. source, 'MAXLEN', '~', EVENTS, '*', 'e', json)
  if done.err then broken(done) end
end

-- An event of the scripts themselves. Calls of models have a duration, and these have none.
local function tell(source, event)
  if EVENTS == 0 then return end
  event.source, event.duration_ms = source, 0
  write_event(source, cjson.encode(event))
end

-- The beginning of a text for a person. A character is not cut in two.
local CLIPPED = 300 -- bytes
local function clipped(text)
  if #text <= CLIPPED then return text end
  return (string.gsub(string.sub(text, 1, CLIPPED), '[\192-\255][\128-\191]*$', '')) .. '...'
end
