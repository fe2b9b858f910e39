-- create_sweep.lua: record a sweep and enqueue its first plan job, or find the one that is there.
--
-- ARGV[1]  sweep id
-- ARGV[2]  spec, JSON
-- ARGV[3]  admission window
-- ARGV[4..8]  of a target's first job: lane, body before and after the ordinal, attempts, priority
-- ARGV[9]  number of documents, then per document: key suffix, content
-- then     the plan job in the flat form of NewJob::encode
-- Returns 1 when it is new, 0 when it was there, 2 when what is left of it is being forgotten.
local sweep = ARGV[1]
local sk = P .. 'sw:' .. sweep
if call('ZSCORE', P .. 'forgetting', sweep) then return 2 end
if call('EXISTS', sk) == 1 then return 0 end
call('HSET', sk, 'spec', ARGV[2], 'state', 'planning', 'created', NOW, 'window', ARGV[3],
  'lane', ARGV[4], 'head', ARGV[5], 'tail', ARGV[6], 'max', ARGV[7], 'prio', ARGV[8],
  'planned', '0', 'total', 0, 'cursor', 0,
  'n:q', 0, 'n:l', 0, 'n:r', 0, 'n:u', 0, 'n:s', 0, 'n:x', 0)
call('ZADD', P .. 'sweeps', NOW, sweep)
local i, documents = 10, {}
for k = 1, tonumber(ARGV[9]) do
  call('SET', P .. ARGV[i], ARGV[i + 1])
  -- Sweeps share documents: one goes with the last sweep that has it.
  call('SADD', P .. 'users:' .. ARGV[i], sweep)
  documents[k] = ARGV[i]
  i = i + 2
end
if #documents > 0 then call('HSET', sk, 'documents', table.concat(documents, ' ')) end
local plan = read_job(i)
enqueue(plan)
return 1
