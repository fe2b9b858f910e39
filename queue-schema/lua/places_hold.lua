-- places_hold.lua: a worker keeps its places. Those of workers that did not keep theirs are free again.
--
-- ARGV[1]  worker
-- ARGV[2]  how long, ms
-- ARGV[3+] for each pool: its name, calls under way, '1' when the worker lacks places
-- Returns OK, or the first failure when all other pools are done.
-- @include places
local function hold(pool, held, waits)
  local p, mine = load_pool(pool, 'w:' .. ARGV[1])
  mine = mine or { serial = '' }
  mine.held, mine.waits = held, waits
  keep_pool(pool, p, 'w:' .. ARGV[1], mine, NOW + tonumber(ARGV[2]))
  count_places(pool, p)
  places.begin(p)
  keep_pool(pool, p)
  -- Also when only this worker lacks some: those that it waits for may be of one that died.
  if places.left(p, NOW) > 0 and p.waiting > 0 then token(P .. 'freed:' .. pool) end
end

local failed
for i = 3, #ARGV, 3 do
  local ok, why = pcall(hold, ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]))
  if not ok then failed = failed or why end
end
if failed then error(failed) end
return redis.status_reply('OK')
