-- cancel.lua: cancel a sweep. Waiting targets are cancelled at once; jobs in the queue are dropped
-- when a claim meets them; running ones finish, and what they ask for after that is dropped too.
--
-- ARGV[1]  sweep id
-- Returns 1, or 0 when there is no such sweep or it was over already.
-- @include targets
local sweep = ARGV[1]
local sk = P .. 'sw:' .. sweep
local state = call('HGET', sk, 'state')
if state ~= 'planning' and state ~= 'running' then return 0 end
call('SADD', P .. 'cancelled', sweep)
recode(sweep, 'q', 'x')
call('HSET', sk, 'state', 'cancelled', 'ended', NOW)
-- A paused sweep is let go, so that claims meet its jobs and drop them.
call('SREM', P .. 'paused', 'sweep:' .. sweep)
unpark(sweep)
return 1
