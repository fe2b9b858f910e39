-- once.lua: enqueue a job, unless one of its marks is there: what comes again under a mark that it had before was done
-- before.
--
-- ARGV[1]  ms that the marks are kept
-- ARGV[2]  number of marks, then their key suffixes
-- then     the job in the flat form of NewJob::encode
-- Returns 1 when it is new, 0 when it was there before.
-- @include targets
local marks = tonumber(ARGV[2])
for i = 3, 2 + marks do
  if call('EXISTS', P .. ARGV[i]) == 1 then return 0 end
end
for i = 3, 2 + marks do call('SET', P .. ARGV[i], NOW, 'PX', ARGV[1]) end
enqueue((read_job(3 + marks)))
return 1
