-- schedule.lua: what a person, or the run of a due time, changes about a schedule.
--
-- ARGV[1]  'add' | 'replace' | 'remove' | 'pause' | 'resume' | 'pin'
-- ARGV[2]  name
-- add, replace:  ARGV[3] its record, ARGV[4] its next due time, ARGV[5] schedules that there may be at most,
--                ARGV[6] number of documents, then per document: hash, content
-- resume:        ARGV[3] its next due time
-- pin:           ARGV[3] a due time, ARGV[4] commit and sweep that it gets unless it has some already
-- Returns 1 when done; 0 when there is one of that name already (add), or none (the others); 2 when there are too
-- many; for pin what the due time has now, nil when it is not kept any more.
-- @include base
local op, name = ARGV[1], ARGV[2]
local all, due, runs = P .. 'schedules', P .. 'due', P .. 'schd:' .. name
local there = call('HEXISTS', all, name) == 1

if op == 'add' or op == 'replace' then
  -- The very same is our own word, whose reply was lost.
  if there and op == 'add' and call('HGET', all, name) ~= ARGV[3] then return 0 end
  if not there and call('HLEN', all) >= tonumber(ARGV[5]) then return 2 end
  -- Documents of the one before would stay for ever.
  for _, field in ipairs(call('HKEYS', runs)) do
    if string.sub(field, 1, 2) == 'd:' then call('HDEL', runs, field) end
  end
  for k = 1, tonumber(ARGV[6]) do call('HSET', runs, 'd:' .. ARGV[5 + 2 * k], ARGV[6 + 2 * k]) end
  call('HSET', all, name, ARGV[3])
  call('ZADD', due, ARGV[4], name)
  return 1
end
if op == 'pin' then
  local run, pin = 'r:' .. ARGV[3], 'p:' .. ARGV[3]
  if call('HEXISTS', runs, run) == 0 then return false end
  call('HSETNX', runs, pin, ARGV[4])
  return call('HGET', runs, pin)
end
if not there then return 0 end
if op == 'remove' then
  call('HDEL', all, name)
  call('ZREM', due, name)
  call('UNLINK', runs)
elseif op == 'pause' then
  call('ZREM', due, name)
elseif op == 'resume' then
  -- One that is not paused keeps its due time: it may be past, and is made up for.
  if not call('ZSCORE', due, name) then call('ZADD', due, ARGV[3], name) end
end
return 1
