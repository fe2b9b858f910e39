-- renew.lua: Leased -> Leased with a later deadline, for the leases that are still the worker's.
--
-- ARGV[1]  worker id
-- ARGV[2]  lease, ms
-- ARGV[3+] pairs of job id and token
-- Returns the ids of leases that were lost.
local lost = {}
-- What a worker is stays known as long as it lives, however long that is. And this goes first: a
-- server out of memory refuses a script whose first write needs some, and a lease that can't be
-- renewed would be taken back, and its job in the end be called poison.
call('EXPIRE', P .. 'w:' .. ARGV[1], 86400)
call('ZADD', P .. 'workers', NOW, ARGV[1])
for i = 3, #ARGV, 2 do
  if call('HGET', P .. 'j:' .. ARGV[i], 't') == ARGV[i + 1] then
    call('ZADD', P .. 'leases', NOW + tonumber(ARGV[2]), ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
