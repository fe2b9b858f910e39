-- limit.lua: how many calls of a pool may be under way at a time. It reads and writes no key: a pool is a table
-- of numbers, which the scripts load, change by these functions and keep. Times are milliseconds.
--
-- most       calls at a time at most; without it there is no limit, and nothing of the rest
-- auto       1: the limit follows what the server bears; 0: it is `most`, and less only after refusals
-- rate       calls started in a minute at most; `tokens` of its bucket were counted `at`
-- limit      calls at a time now. Up to `proven` of them the server has borne; from `roof` on it refused,
--            at `roof_at`
-- used       calls under way; `waiting` and `workers`: workers that lack places, that have or lack some
-- epoch      counts the changes of the limit. A call says in which one it began, so that the calls of one round
--            trip change the limit once; `cut` is the epoch that the last refusal began
-- n, ms, units, peak  calls of this epoch that ended, the time that they took and the work that they did;
--            the most that were under way
-- quick      1 while the limit is multiplied, until the server refuses or slows down
-- first_ms, first_pace  what the first of them took, by itself and for a unit of work
-- best_ms, best_pace  the least time of a call, and of a unit of work, as means over an epoch
-- look, look_ms, look_pace  the limit was lowered to see what a call takes there: what it was before
-- alive      1 when a call has ended well since the last refusal
-- fails      refusals in a row without such a call, from `since` to `last`; the last one had the status `code`
-- told       no call begins until then, because the server said so; `paused`: because it refuses
-- paced      when the last call beyond `proven` began
local places = {}
places.FIELDS = { 'most', 'auto', 'rate', 'tokens', 'at', 'limit', 'proven', 'roof', 'roof_at', 'used', 'waiting',
  'workers', 'epoch', 'cut', 'n', 'ms', 'units', 'peak', 'quick', 'first_ms', 'first_pace', 'best_ms', 'best_pace', 'look', 'look_ms', 'look_pace',
  'alive', 'fails', 'since', 'last', 'code', 'told', 'paused', 'paced' }

local START = 8       -- calls at a time in the beginning
local GROWTH = 4      -- times a round, until the server refuses or slows down
local PACE = { 15, 50 } -- ms between two calls beyond what the server is known to bear, at least and at most: a
                       -- hundredth of what a call takes
local ROUND = 0.6     -- share of the limit that ends before a round is judged
local FILLED = 0.75   -- share of the limit that was under way, or the round says nothing about it
local STEADY = 1.5    -- times the best time: up to here the limit grows,
local SLOW = 2        -- and beyond this it falls
local BRIEF = 50     -- ms
local AGING = 1.02    -- times that the best time grows in each round: no server is as quick for ever
local ROOF_KEPT = 60000 -- ms that a refusal keeps the limit below it

local function next_epoch(p)
  p.epoch, p.first_ms, p.first_pace = p.epoch + 1, nil, nil
  p.n, p.ms, p.units, p.peak = 0, 0, 0, p.used
end

-- Fills in what a pool has not, and what changed settings make of it.
function places.begin(p)
  for _, name in ipairs({ 'used', 'waiting', 'workers', 'epoch', 'n', 'ms', 'units', 'peak', 'alive', 'fails' }) do
    p[name] = math.max(0, p[name] or 0)
  end
  if not p.most then return end
  if not p.limit or p.limit < 1 then
    p.limit, p.quick = p.auto == 1 and math.min(START, p.most) or p.most, p.auto
    p.proven = p.limit
  end
  p.limit = math.min(math.floor(p.limit), p.most)
  p.roof_at = p.roof_at or 0
  p.proven = math.min(p.proven or p.limit, p.most)
end

-- Calls of this epoch that must end before it is judged.
local function needed(p)
  if p.look then return 2 end
  if p.fails > 0 then return math.min(2, p.limit) end
  return math.ceil(ROUND * p.limit)
end

local function grow(p, now)
  local top = p.most
  if p.roof and now - p.roof_at < ROOF_KEPT then top = math.min(top, math.max(1, p.roof - 1)) else p.roof = nil end
  if p.limit >= top then return end
  local more = 1
  if p.quick == 1 then more = p.limit * (GROWTH - 1) elseif p.roof then more = math.floor((top - p.limit) / 2) end
  p.limit = math.min(top, p.limit + math.max(1, more))
end

-- The calls of a round have ended well.
local function judge(p, now)
  local ms, pace = p.ms / p.n, p.ms / math.max(1, p.units)
  -- How many times as long as that; of calls that take next to nothing, what else delays them says nothing.
  local function times(best_ms, best_pace)
    return math.min((ms + BRIEF) / (best_ms + BRIEF), pace / math.max(1e-6, best_pace))
  end
  if p.look then
    -- What many calls took beside each other, in calls that the server really works on at a time.
    local crowd = math.max(1, 1 / times(p.look_ms, p.look_pace))
    p.limit = math.max(1, math.min(p.look, math.floor(p.look / crowd + 0.5)))
    p.best_ms, p.best_pace, p.proven, p.quick, p.look = ms, pace, p.limit, 0, nil
    return next_epoch(p)
  end
  -- In the first round, the first call to end is what the others are held against: a server that works on one
  -- after the other is known by that.
  local best_ms, best_pace = p.best_ms or p.first_ms or ms, p.best_pace or p.first_pace or pace
  local ratio = times(best_ms, best_pace)
  if p.auto == 1 and ratio > SLOW then
    -- Is it the crowd, or is the server slower for everybody? A round of few calls tells.
    p.look, p.look_ms, p.look_pace, p.quick = p.limit, ms, pace, 0
    p.limit = math.max(1, math.floor(p.limit / 16))
    p.proven = math.min(p.proven, p.limit)
    return next_epoch(p)
  end
  if ratio <= STEADY then
    p.best_ms = math.min(ms, (p.best_ms or ms) * AGING)
    p.best_pace = math.min(pace, (p.best_pace or pace) * AGING)
  elseif p.auto == 1 then
    p.quick, p.best_ms, p.best_pace = 0, best_ms, best_pace
  end
  if p.peak >= FILLED * p.limit then
    p.proven = math.max(p.proven, math.min(p.limit, p.peak))
    if ratio <= STEADY or p.auto ~= 1 then grow(p, now) end
  end
  next_epoch(p)
end

local function free(p) p.used = math.max(0, p.used - 1) end

-- A call has ended, which counted as used until now: in which epoch it began; 'fine', 'late' (it ran out of time),
-- 'refused' (429, 503) or 'other', which says nothing; its time and work; the status of a refusal, and how long the
-- server wants to be left alone. `pause` is the first pause after refusals of which none said how long, and
-- `longest` the last.
function places.ended(p, now, c, pause, longest)
  free(p)
  if not p.most then return end
  if c.how == 'refused' then
    if c.wait then p.told = math.max(p.told or 0, now + c.wait) end
    p.code = c.code
    -- The calls of one round trip lower the limit once. If it has grown since, it is too high all the more.
    if c.epoch < (p.cut or 0) then
      -- The first of them took this one for borne.
      if p.roof then
        p.roof = math.max(p.proven + 1, p.roof - 1)
        p.limit = math.min(p.limit, p.roof - 1)
      end
      return
    end
    p.fails, p.since, p.last, p.look = p.fails + 1, p.since or now, now, nil
    if p.alive == 1 then
      -- What is under way still was borne; the call that was refused is one too many.
      p.roof, p.roof_at = math.max(2, p.used + 1), now
      p.limit, p.quick = math.max(1, math.min(p.used, math.floor(p.limit * 0.9))), 0
    else
      -- Nobody knows what the server bears now. One call asks.
      p.limit, p.quick, p.roof = 1, 1, nil
      p.paused = math.max(p.paused or 0, now + math.min(longest, pause * 2 ^ (p.fails - 1)))
    end
    p.proven, p.alive = math.min(p.proven, p.limit), 0
    next_epoch(p)
    p.cut = p.epoch
  elseif c.how == 'fine' or c.how == 'late' then
    if c.how == 'fine' then p.alive, p.since, p.last, p.paused = 1, nil, nil, nil end
    if c.epoch >= p.epoch then
      p.first_ms, p.first_pace = p.first_ms or c.ms, p.first_pace or c.ms / math.max(1, c.units)
      p.n, p.ms, p.units = p.n + 1, p.ms + c.ms, p.units + math.max(1, c.units)
      if p.n >= needed(p) then judge(p, now) end
    end
    if c.how == 'fine' then p.fails = 0 end
  end
end

-- A call was not made: its place is free, and its start goes back to the rate.
function places.unused(p)
  free(p)
  if p.rate and p.tokens then p.tokens = p.tokens + 1 end
end

-- How many of `want` calls a worker may begin that has `mine` under way, and when it should ask again, if
-- the time decides. They count as begun.
function places.take(p, now, mine, want)
  local n, due = want, nil
  local function at(time)
    if not due or time < due then due = time end
  end
  if p.most then
    local till = math.max(p.told or 0, p.paused or 0)
    if till > now then return 0, till end
    n = math.min(n, p.limit - p.used)
    -- Where others lack places, nobody takes more than a fair share.
    if p.waiting > 0 then n = math.min(n, math.ceil(p.limit / math.max(1, p.workers)) - mine) end
    local known = math.max(0, p.proven - p.used)
    if n > known then
      local pace = math.max(PACE[1], math.min(PACE[2], (p.best_ms or 0) / 100))
      local last = math.min(p.paced or 0, now)
      n = known + (now - last >= pace and 1 or 0)
      at(n > known and now + pace or last + pace)
      if n > known then p.paced = now end
    end
  end
  if n > 0 and p.rate then
    -- The bucket holds a twentieth of a minute's worth, so that no minute sees more than 105 % of it.
    local most = math.max(1, p.rate / 20)
    local had = p.tokens and p.at and math.max(0, p.tokens) + math.max(0, now - p.at) * p.rate / 60000
    p.tokens, p.at = math.min(most, had or most), now
    if p.tokens < n then at(now + math.ceil((1 + math.floor(p.tokens) - p.tokens) * 60000 / p.rate)) end
    n = math.min(n, math.floor(p.tokens))
    p.tokens = p.tokens - math.max(0, n)
  end
  n = math.max(0, n)
  p.used = p.used + n
  p.peak = math.max(p.peak, p.used)
  return n, due
end

-- Places that are left for others.
function places.left(p, now)
  if math.max(p.told or 0, p.paused or 0) > now then return 0 end
  return p.most and math.max(0, p.limit - p.used) or math.huge
end
