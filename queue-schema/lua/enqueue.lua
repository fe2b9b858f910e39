-- enqueue.lua: Absent -> Ready | Delayed, for one or many jobs.
--
-- ARGV[1]  number of jobs
-- ARGV[2+] jobs in the flat form of NewJob::encode
-- Returns the number of jobs that were new.
-- @include targets
local i, new = 2, 0
for _ = 1, tonumber(ARGV[1]) do
  local j
  j, i = read_job(i)
  new = new + enqueue(j)
end
return new
