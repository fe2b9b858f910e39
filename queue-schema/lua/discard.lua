-- discard.lua: Dead -> Absent, by a person's word. Its target stays as it is.
--
-- ARGV[1]  job id
-- Returns 1, or 0 when there is no such dead job.
-- @include dead
local id = ARGV[1]
local j = look(id, 'st', 's', 'g')
if j.st ~= 'dead' then return 0 end
letter_gone(id, j.s, j.g)
call('ZREM', P .. 'dead', id)
remove(id, j.s)
return 1
