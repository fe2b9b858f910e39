-- discard.lua: Dead -> Absent, by a person's word. Its target stays unresolved.
--
-- ARGV[1]  job id
-- Returns 1, or 0 when there is no such dead job.
local key = P .. 'j:' .. ARGV[1]
if call('HGET', key, 'st') ~= 'dead' then return 0 end
local j = call('HMGET', key, 's', 'g')
if j[2] ~= '' then call('SREM', P .. 'dt:' .. j[1] .. ':' .. j[2], ARGV[1]) end
call('ZREM', P .. 'dead', ARGV[1])
remove(ARGV[1], j[1])
return 1
