-- observe.lua: an event that another program sends.
--
-- ARGV[1]  source
-- ARGV[2]  the event, as JSON
-- ARGV[3]  sources that there may be at most
-- Returns the id of its entry; '' when there are too many sources; nil when no events are kept.
-- @include events
if EVENTS == 0 then return false end
local names = P .. 'evs'
if call('SISMEMBER', names, ARGV[1]) == 0 then
  if call('SCARD', names) >= tonumber(ARGV[3]) then return '' end
  call('SADD', names, ARGV[1])
end
return call('XADD', P .. 'ev:' .. ARGV[1], 'MAXLEN', '~', EVENTS, '*', 'e', ARGV[2])
