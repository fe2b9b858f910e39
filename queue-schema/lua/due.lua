-- due.lua: Absent -> Ready, for the job of a schedule that has come due. Whoever sees that first moves the schedule on
-- in the same step, so that a due time counts once, however many workers see it and whoever dies.
--
-- ARGV[1]  name
-- ARGV[2]  due time that the schedule is expected to have, and that is run
-- ARGV[3]  its next one; '' when there is none
-- ARGV[4]  due times between the two, which this run stands for as well
-- ARGV[5]  runs that are kept
-- then     the job in the flat form of NewJob::encode
-- Returns 1 when it is begun; 0 when the schedule was moved on before, or is paused or gone.
-- @include targets
local due, runs = P .. 'due', P .. 'schd:' .. ARGV[1]
local expected = call('ZSCORE', due, ARGV[1])
if not expected or tonumber(expected) ~= tonumber(ARGV[2]) then return 0 end
if call('HEXISTS', P .. 'schedules', ARGV[1]) == 0 then
  call('ZREM', due, ARGV[1])
  return 0
end
if ARGV[3] == '' then call('ZREM', due, ARGV[1]) else call('ZADD', due, ARGV[3], ARGV[1]) end
call('HSET', runs, 'r:' .. ARGV[2], digits(NOW) .. ' ' .. ARGV[4])
local kept = {}
for _, field in ipairs(call('HKEYS', runs)) do
  local at = string.match(field, '^r:(%d+)$')
  if at then kept[#kept + 1] = tonumber(at) end
end
table.sort(kept)
for k = 1, #kept - tonumber(ARGV[5]) do
  call('HDEL', runs, 'r:' .. digits(kept[k]), 'p:' .. digits(kept[k]))
end
enqueue((read_job(6)))
return 1
