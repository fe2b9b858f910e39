-- replan.lua: Absent -> Ready for the job that lists the targets of a sweep that could not be planned and whose dead letter is
-- gone: it is planned again from where planning ended.
--
-- ARGV[1]  sweep id
-- ARGV[2]  targets that are written down; with others, somebody else was quicker
-- ARGV[3+] the job in the flat form of NewJob::encode
-- Returns 1, or 0 when the sweep is not one that failed so far, or the job is there.
-- @include targets
local sk = P .. 'sw:' .. ARGV[1]
local s = call('HMGET', sk, 'state', 'total')
if s[1] ~= 'failed' or s[2] ~= ARGV[2] or call('ZSCORE', P .. 'forgetting', ARGV[1]) then return 0 end
local first = read_job(3)
if enqueue(first) == 0 then return 0 end
reopen(sk, 'planning')
return 1
