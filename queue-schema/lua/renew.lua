-- renew.lua: Leased -> Leased with a later deadline, for the leases that are still the worker's.
--
-- ARGV[1]  worker id
-- ARGV[2]  lease, ms
-- ARGV[3+] pairs of job id and token
-- Returns the ids of leases that were lost.
-- @include jobs
local lost, kept, deadline = {}, {}, digits(NOW + tonumber(ARGV[2]))
for i = 3, #ARGV, 2 do
  if look(ARGV[i], 't').t == ARGV[i + 1] then
    kept[#kept + 1], kept[#kept + 2] = deadline, ARGV[i]
  else
    lost[#lost + 1] = ARGV[i]
  end
end
in_parts(kept, function(...) call('ZADD', P .. 'leases', ...) end)
-- After the leases: they are what counts.
local here = redis.pcall('ZADD', P .. 'workers', NOW, ARGV[1])
if type(here) == 'table' then broken(here) end
-- What is known of a worker outlives its last word by a day.
call('EXPIRE', P .. 'w:' .. ARGV[1], 86400)
return lost
