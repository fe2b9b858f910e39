-- pause.lua: stop or go on claiming from a lane or for a sweep. No job changes its state.
--
-- ARGV[1]  'lane' or 'sweep'
-- ARGV[2]  its name
-- ARGV[3]  '1' to pause, '0' to resume
-- Returns 1 when that changed something.
-- @include lanes
local member = ARGV[1] .. ':' .. ARGV[2]
if ARGV[3] == '1' then return call('SADD', P .. 'paused', member) end
local changed = call('SREM', P .. 'paused', member)
if ARGV[1] == 'lane' then
  wake(ARGV[2])
else
  unpark(ARGV[2])
end
return changed
