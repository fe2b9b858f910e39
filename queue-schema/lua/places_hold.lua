-- places_hold.lua: a worker keeps its places. Those of workers that did not keep theirs are free again.
--
-- ARGV[1]  worker
-- ARGV[2]  how long, ms
-- ARGV[3+] for each pool: its name, calls under way, '1' when the worker lacks places
-- Returns OK.
-- @include places
for i = 3, #ARGV, 3 do
  local pool = ARGV[i]
  local p, mine = load_pool(pool, 'w:' .. ARGV[1])
  mine = mine or { serial = '' }
  mine.held, mine.waits = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  keep_pool(pool, p, 'w:' .. ARGV[1], mine, NOW + tonumber(ARGV[2]))
  count_places(pool, p)
  places.begin(p)
  keep_pool(pool, p)
  -- Also when only this worker lacks some: those that it waits for may be of one that died.
  if places.left(p, NOW) > 0 and p.waiting > 0 then token(P .. 'freed:' .. pool) end
end
return redis.status_reply('OK')
