-- revive.lua: Dead -> Ready, by a person's word, perhaps with a new body and lane.
--
-- ARGV[1]  job id
-- ARGV[2]  new lane, or '' to keep it
-- ARGV[3]  new body, or '' to keep it
-- Returns 1, or 0 when there is no such dead job.
local id = ARGV[1]
local key = P .. 'j:' .. id
local j = call('HMGET', key, 'st', 'l', 'p', 's', 'g')
if j[1] ~= 'dead' then return 0 end
local lane = ARGV[2] ~= '' and ARGV[2] or j[2]
if ARGV[3] ~= '' then call('SET', P .. 'b:' .. id, ARGV[3]) end
call('ZREM', P .. 'dead', id)
call('HSET', key, 'st', 'ready', 'l', lane, 'a', 0, 'c', 0)
if j[4] ~= '' then
  if j[5] ~= '' then
    settle(j[4], j[5], 'l')
  else
    call('HSET', P .. 'sw:' .. j[4], 'state', 'planning')
  end
end
push_ready(id, lane, j[3], j[4])
return 1
