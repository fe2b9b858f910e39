-- places_keep.lua: places are held longer, those that nobody else has got meanwhile.
--
-- ARGV[1]  how long, ms
-- ARGV[2+] pairs of pool and place
-- Returns the places that were lost.
-- @include base
local lost = {}
for i = 2, #ARGV, 2 do
  local key = P .. 'permits:' .. ARGV[i]
  if call('ZSCORE', key, ARGV[i + 1]) then
    call('ZADD', key, NOW + tonumber(ARGV[1]), ARGV[i + 1])
  else
    lost[#lost + 1] = ARGV[i + 1]
  end
end
return lost
