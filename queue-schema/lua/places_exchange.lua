-- places_exchange.lua: a worker gives back places of a pool whose calls have ended, with how they ended, and takes
-- others. It says how many it still has, so that a request that is sent again changes nothing.
--
-- ARGV[1]  pool
-- ARGV[2]  worker
-- ARGV[3]  number of the request, the same when it is sent again
-- ARGV[4]  how long its places are its own unless it renews them, ms
-- ARGV[5]  calls that it has under way
-- ARGV[6]  places wanted
-- ARGV[7]  first and ARGV[8] longest pause after refusals that say no time, ms
-- ARGV[9]  longest pause that a server may ask for, ms
-- ARGV[10], ARGV[11], ARGV[12]  `most`, `auto` and `rate`, for a pool that has none
-- ARGV[13+] for each call that ended: epoch, 'fine' | 'late' | 'refused' | 'other' | 'unused', ms, units of work,
--          status and ms to wait of a refusal, '' where none was told
-- Returns { places given, epoch, ms until it should ask again (-1: when others free some), places that are left,
--          refusals in a row, ms from the first to the last of them, status of the last one }.
-- @include places
local pool, me, serial = ARGV[1], 'w:' .. ARGV[2], ARGV[3]
local held, want = tonumber(ARGV[5]), tonumber(ARGV[6])
local p, known = load_pool(pool, me)
-- Of one that is new, or whose places ran out, nobody knows whether it was counted.
if not known then count_places(pool, p) end
local mine = known or { held = 0, waits = 0, serial = '' }
if not p.most then p.most, p.auto = tonumber(ARGV[10]), tonumber(ARGV[11]) end
if not p.rate then p.rate = tonumber(ARGV[12]) end
places.begin(p)
local new = mine.serial ~= serial
p.used = math.max(0, p.used - mine.held) + held + (new and (#ARGV - 12) / 6 or 0)
p.waiting = math.max(0, p.waiting - mine.waits)
p.workers = math.max(0, p.workers - (known and 1 or 0)) + (held + want > 0 and 1 or 0)
for i = 13, new and #ARGV or 0, 6 do
  if ARGV[i + 1] == 'unused' then
    places.unused(p)
  else
    local wait = tonumber(ARGV[i + 5])
    places.ended(p, NOW, {
      epoch = tonumber(ARGV[i]), how = ARGV[i + 1], ms = tonumber(ARGV[i + 2]), units = tonumber(ARGV[i + 3]),
      code = tonumber(ARGV[i + 4]), wait = wait and math.min(wait, tonumber(ARGV[9])),
    }, tonumber(ARGV[7]), tonumber(ARGV[8]))
  end
end
local n, due = places.take(p, NOW, held, want)
mine.held, mine.waits, mine.serial = held + n, n < want and 1 or 0, serial
local left = places.left(p, NOW)
if left > 0 and p.waiting > 0 then token(P .. 'freed:' .. pool) end
p.waiting = p.waiting + mine.waits
if mine.held + mine.waits == 0 then mine = nil end
keep_pool(pool, p, me, mine, NOW + tonumber(ARGV[4]))
return { n, digits(p.epoch), due and math.max(1, math.ceil(due - NOW)) or -1, digits(math.min(left, 2 ^ 31)),
  p.fails, digits(math.max(0, (p.last or 0) - (p.since or p.last or 0))), digits(p.code or 0) }
