-- claim.lua: Ready -> Leased for up to `want` jobs; on the way, Delayed -> Ready for what is due
-- and Leased -> Ready | Dead (poison) for leases that ran out. Jobs of cancelled sweeps that it
-- meets go Ready | Delayed -> Absent. Bounded work a call.
--
-- ARGV[1]  worker id
-- ARGV[2]  request id: the token of every lease given here; sent again, it gives the same jobs
-- ARGV[3]  lease, ms
-- ARGV[4]  jobs wanted
-- ARGV[5]  leases taken back at most
-- ARGV[6]  delayed jobs promoted at most
-- ARGV[7]  crashes after which a job is poison
-- ARGV[8]  jobs wanted of some pools at most, as 'POOL=N POOL=N *=N ': a worker has no use for more than it can
--          ask soon; '*' is for all jobs of other pools together, and without it there is no such bound
-- ARGV[9+] lanes served: their names, 'KIND:*' for all of a kind, '*' for all
-- Returns { ms until something is due (-1: nothing), pools of which more is ready as 'POOL POOL ',
-- then per job: id, lane, body, attempt, crashes, ms waited, enqueued at }.
-- @include lanes
-- @include leases
-- @include dead
local worker, request, lease = ARGV[1], ARGV[2], tonumber(ARGV[3])
local want = tonumber(ARGV[4])

-- Ready | delayed -> absent for a job whose sweep was cancelled; its target is cancelled too.
local function drop_cancelled(id, sweep, target)
  release_held(id, sweep, call('HGET', P .. 'j:' .. id, 'res'))
  remove(id, sweep)
  if target ~= '' then settle(sweep, target, 'x') end
end

local out = { -1, '' }
local got = {} -- records of the jobs that this request gets
local deadline = digits(NOW + lease)
local RECORD = { 'st', 't', 'l', 'a', 'c', 'e' }

-- Leases for jobs of `got` from this one on.
local function hold(first)
  local scores = {}
  for k = first, #got do
    scores[#scores + 1] = deadline
    scores[#scores + 1] = got[k].id
  end
  if #scores > 0 then call('ZADD', P .. 'leases', unpack(scores)) end
end

-- The reply, with the jobs and their bodies.
local function give()
  if #got == 0 then return out end
  local bodies = {}
  for k, j in ipairs(got) do bodies[k] = P .. 'b:' .. j.id end
  bodies = call('MGET', unpack(bodies))
  for k, j in ipairs(got) do
    local n = 2 + 7 * (k - 1)
    out[n + 1], out[n + 2], out[n + 3] = j.id, j.l, bodies[k] or ''
    -- One incomplete record must not cost the reply for the others.
    local e = tonumber(j.e) or NOW
    out[n + 4], out[n + 5], out[n + 6], out[n + 7] = tonumber(j.a) or 0, tonumber(j.c) or 0, NOW - e, digits(e)
  end
  return out
end

-- Sent again because the reply was lost: the same jobs, as far as they are still ours, and with
-- a whole lease. Before anything is taken back, so that a worker that lives loses nothing by a
-- reply that took longer than the lease.
local wk = P .. 'w:' .. worker
local last = redis.pcall('HMGET', wk, 'req', 'jobs', 'last')
if last.err then
  broken(last)
  call('UNLINK', wk) -- what it says of its worker is written again
  last = {}
end
if last[1] == request then
  for id in string.gmatch(last[2] or '', '[^ ]+') do
    local j = look(id, unpack(RECORD))
    if j.t == request and j.l then got[#got + 1] = j end
  end
  hold(1)
  return give()
end

-- Handles each id of a set. An id with a broken record is put off, and the others go on.
local PUT_OFF = 60000 -- ms
local function about(set, ids, work)
  for _, id in ipairs(ids) do
    local ok, why = pcall(work, id)
    if not ok then
      broken(why)
      call('ZADD', P .. set, NOW + PUT_OFF, id)
    end
  end
end

-- Taken back: a worker that lost its lease crashed or is cut off. That is the worker's failure
-- and not the job's, so it is counted apart from attempts.
local taken = call('ZRANGEBYSCORE', P .. 'leases', '-inf', NOW, 'LIMIT', 0, ARGV[5])
about('leases', taken, function(id)
  local j = look(id, 'st', 'l', 'p', 's', 'g', 'w', 'res')
  if j.st ~= 'leased' then
    -- Somebody has removed it by hand; what is left of it goes.
    call('ZREM', P .. 'leases', id)
  else
    local crashes = add(P .. 'j:' .. id, 'c', 1)
    if crashes >= tonumber(ARGV[7]) then
      release_held(id, j.s, j.res)
      bury(id, j.l, j.s, j.g, 'poison', 'its worker died ' .. crashes .. ' times while it ran; last on ' .. tostring(j.w))
    else
      back_to_ready(id, j.l, j.p, j.s)
    end
    unlease(id)
  end
end)

local due = call('ZRANGEBYSCORE', P .. 'delayed', '-inf', NOW, 'LIMIT', 0, ARGV[6])
about('delayed', due, function(id)
  local j = look(id, 'st', 'l', 'p', 's', 'g')
  if is_cancelled(j.s) then
    drop_cancelled(id, j.s, j.g)
  elseif j.st == 'delayed' then
    call('HSET', P .. 'j:' .. id, 'st', 'ready')
    push_ready(id, j.l, j.p, j.s)
  end
  call('ZREM', P .. 'delayed', id)
end)
settle_up() -- what this has made ready may be taken now, and the places are free

local serves, lanes, filled = {}, {}, {}
for i = 9, #ARGV do serves[ARGV[i]] = true end
for _, lane in ipairs(call('HKEYS', P .. 'ready')) do
  filled[lane] = true
  local kind = string.match(lane, '^[^:]+:') or ''
  if serves['*'] or serves[lane] or serves[kind .. '*'] then lanes[#lanes + 1] = lane end
end
table.sort(lanes) -- the same order on every call, so that turns are fair

-- What the worker has use for, by pool, and the pools that have more.
local room, more = { ['*'] = want }, {}
for pool, n in string.gmatch(ARGV[8], '(%S+)=(%d+) ') do room[pool] = tonumber(n) end
local emptied = {} -- lanes that this call has taken the last job from

local paused -- lanes and sweeps that are passed over
local function is_paused(what)
  if not paused then
    paused = {}
    for _, name in ipairs(call('SMEMBERS', P .. 'paused')) do paused[name] = true end
  end
  return paused[what]
end

local next_due -- when a waiting job may go on, as far as this call has seen
local function due_at(at)
  if not next_due or at < next_due then next_due = at end
end

-- A job whose next crash would be its last runs beside no other such job of the same worker. Otherwise
-- those that merely stood beside a poison job would go down with it each time, and be called poison too.
local last_chance = math.max(1, tonumber(ARGV[7]) - 1)
local holds_one = false
if last[3] then
  local j = look(last[3], 'st', 'w', 'c')
  -- It may have been revived since, with a new count.
  holds_one = j.st == 'leased' and j.w == worker and (tonumber(j.c) or 0) >= last_chance
end
local LOOK_AGAIN = 100 -- ms until a worker asks again for such jobs that it had to leave
local pass_over = 100 -- of them in one call at most

local function take(lane, n)
  if is_paused('lane:' .. lane) then return 0 end
  local pool = room[pool_of(lane)] and pool_of(lane) or '*'
  if n >= room[pool] then
    n = room[pool]
    more[pool] = true -- perhaps, see below
  end
  if n <= 0 then return 0 end
  local served, dropped_here, stray, passed = 0, 0, 0, {}
  -- Groups that are there get equal shares, whoever was first.
  local share = math.ceil(n / math.max(1, call('ZCARD', P .. 'ring:' .. lane)))
  while served < n do
    local group = call('ZRANGE', P .. 'ring:' .. lane, 0, 0)[1]
    if not group then break end
    local list = P .. 'q:' .. lane .. ':' .. group
    local sweep = string.sub(group, 3)
    local parked = is_paused('sweep:' .. sweep)
    local dropped = is_cancelled(sweep)
    local asked = math.min(share, n - served)
    local ids = not parked and call('LPOP', list, asked) or {}
    local all = not parked and #ids < asked -- then nothing is left in the list
    if dropped then
      -- Counted as served, so that the call stays bounded however much was cancelled.
      for _, id in ipairs(ids) do
        drop_cancelled(id, sweep, look(id, 'g').g)
      end
      dropped_here = dropped_here + #ids
      n = n - #ids
      ids = {}
    end
    local before, missing, left, seen = #got, 0, 0, false
    for _, id in ipairs(ids) do
      local j = look(id, unpack(RECORD))
      local is_last = (tonumber(j.c) or 0) >= last_chance
      j.l = j.l or lane
      if j.st ~= 'ready' then
        missing = missing + 1 -- an id without its job: somebody has removed that by hand
      elseif is_last and holds_one then
        call('RPUSH', list, id)
        left, seen = left + 1, seen or passed[id]
        passed[id] = true
      else
        if is_last then
          holds_one = true
          call('HSET', wk, 'last', id)
        end
        call('HSET', P .. 'j:' .. id, 'st', 'leased', 't', request, 'w', worker)
        got[#got + 1] = j
      end
    end
    hold(before + 1)
    served = served + #got - before
    stray = stray + missing
    n = n - missing -- counted as served, for the same reason
    if left > 0 then
      pass_over = pass_over - left
      due_at(NOW + LOOK_AGAIN)
    end
    if parked then
      call('ZREM', P .. 'ring:' .. lane, group)
      call('SADD', P .. 'parked:' .. sweep, lane .. ' ' .. group)
    elseif left == 0 and (all or call('EXISTS', list) == 0) then
      call('ZREM', P .. 'ring:' .. lane, group)
    else
      queue_group(lane, group)
    end
    if left > 0 and (seen or pass_over <= 0) then break end
  end
  room[pool] = room[pool] - served
  if dropped_here + stray > 0 then due_at(NOW) end -- there may be more of those
  local gone = served + dropped_here + stray
  if gone > 0 and add(P .. 'ready', lane, -gone) <= 0 then
    call('HDEL', P .. 'ready', lane)
    emptied[lane] = true
  end
  return served
end

-- Lanes take turns too: each call starts one further, and gives every lane its share first.
if #lanes > 0 and want > 0 then
  local start = add(P .. 'turn', '*', 1)
  local share = math.max(1, math.floor(want / #lanes))
  for round = 1, 2 do
    for k = 0, #lanes - 1 do
      local left = want - #got
      if left <= 0 then break end
      local lane = lanes[(start + k) % #lanes + 1]
      -- A lane that can't be taken from is no reason to leave the others.
      local ok, why = pcall(take, lane, round == 1 and math.min(share, left) or left)
      if not ok then broken(why) end
    end
  end
end

for pool in pairs(more) do
  if room[pool] <= 0 then out[2] = out[2] .. pool .. ' ' end
end
if #got > 0 then
  local ids = {}
  for k, j in ipairs(got) do ids[k] = j.id end
  call('HSET', wk, 'req', request, 'jobs', table.concat(ids, ' '))
else
  -- This call has seen what such tokens announce. Each would wake its worker once more in vain.
  local stale = {}
  for i = 9, #ARGV do
    if ARGV[i] ~= '*' and not filled[ARGV[i]] then stale[#stale + 1] = P .. 'wake:' .. ARGV[i] end
  end
  if #stale > 0 then in_parts(stale, function(...) call('UNLINK', ...) end) end
end
-- Work is left: pass the wake-up on. Whoever has no use for it does not listen for it.
if #got > 0 or out[2] ~= '' then
  for _, lane in ipairs(lanes) do
    if not emptied[lane] then wake(lane) end
  end
end
if #got < want then
  for _, set in ipairs({ 'leases', 'delayed' }) do
    local head = call('ZRANGE', P .. set, 0, 0, 'WITHSCORES')
    if head[2] then due_at(tonumber(head[2])) end
  end
end
if next_due then out[1] = math.max(1, next_due - NOW + 1) end
return give()
