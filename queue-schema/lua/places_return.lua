-- places_return.lua: places go back to their pool.
--
-- ARGV[1]  pool
-- ARGV[2]  how many of them were never used: their starts are given back to the rate as well
-- ARGV[3+] places
-- Returns how many of them were still held.
-- @include places
local pool, unused = ARGV[1], tonumber(ARGV[2])
local held = 0
for i = 3, #ARGV do held = held + call('ZREM', P .. 'permits:' .. pool, ARGV[i]) end
if held > 0 then
  if unused > 0 then
    local _, tokens = allowed(pool, 0)
    if tokens then take_tokens(pool, tokens + math.min(unused, held)) end
  end
  freed(pool)
end
return held
