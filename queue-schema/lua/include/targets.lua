-- targets.lua: jobs go into the queue, and the targets of a sweep go through their statuses. The two belong
-- together: a target that settles admits the next one, whose first job goes into the queue.
-- @include jobs
-- @include budget
-- @include gathered
-- @include counters
-- @include events

-- What was gathered for a target is of no use when nobody will go on with it: always when the target
-- was cancelled, and when its job died in a sweep that was. Attempts of the latter are reported.
local function tidy(sweep, target, code)
  if code ~= 'x' and not (code == 'u' and is_cancelled(sweep)) then return end
  drop_gathered(sweep, target, code == 'x')
end

-- Absent -> ready | delayed. An id that is in the queue in any state is left as it is. A job of a
-- recorded sweep has the sweep's priority, so that a follow-up need not know it.
-- Bodies and indexes of the new jobs of a call are written together.
local settle
local bodies, new_of = {}, {}
table.insert(at_end, function()
  local pairs_of, of = bodies, new_of
  bodies, new_of = {}, {}
  in_parts(pairs_of, function(...) call('MSET', ...) end)
  for sweep, ids in pairs(of) do
    in_parts(ids, function(...) call('SADD', P .. 'js:' .. sweep, ...) end)
  end
end)

local function enqueue(j)
  local key = P .. 'j:' .. j.id
  if removed[j.id] then remove_now() end
  if call('EXISTS', key) == 1 then return 0 end
  if is_cancelled(j.sweep) then
    if j.target ~= '' then settle(j.sweep, j.target, 'x') end
    return 0
  end
  local prio = rank_of(j.sweep) or j.prio
  local state = j.delay > 0 and 'delayed' or 'ready'
  local fields = { 'st', state, 'l', j.lane, 'p', prio, 'm', j.max, 'e', digits(NOW) }
  if j.sweep ~= '' then fields[#fields + 1], fields[#fields + 2] = 's', j.sweep end
  if j.target ~= '' then fields[#fields + 1], fields[#fields + 2] = 'g', j.target end
  call('HSET', key, unpack(fields))
  bodies[#bodies + 1], bodies[#bodies + 2] = P .. 'b:' .. j.id, j.body
  if j.sweep ~= '' then
    local ids = new_of[j.sweep] or {}
    new_of[j.sweep] = ids
    ids[#ids + 1] = j.id
  end
  if j.delay > 0 then
    call('ZADD', P .. 'delayed', NOW + j.delay, j.id)
    wake(j.lane) -- an idle worker must learn of the new due time
  else
    push_ready(j.id, j.lane, prio, j.sweep)
  end
  return 1
end

-- The first job of a target. Its kind is what its lane begins with.
local function first_job(sweep, target, lane, prio, max, head, tail)
  return { id = sweep .. '-' .. target .. '.' .. string.match(lane, '^[^:]*'), lane = lane, prio = prio, sweep = sweep,
    target = tostring(target), delay = 0, max = max, body = head .. target .. tail }
end

-- What admitting targets and judging a sweep need of its record.
local OF_SWEEP = { 'state', 'planned', 'n:q', 'n:l', 'window', 'cursor', 'total', 'lane', 'head', 'tail', 'max', 'prio',
  'cap:calls', 'cap:tokens', 'cap:micro_usd' }
local function look_sweep(sweep)
  local s, values = {}, call('HMGET', P .. 'sw:' .. sweep, unpack(OF_SWEEP))
  for k, name in ipairs(OF_SWEEP) do s[name] = values[k] end
  return s
end

local function is_capped(s) return s['cap:calls'] or s['cap:tokens'] or s['cap:micro_usd'] end

-- Statuses of targets that one command reads.
local STATUSES = 1000

-- Fill the sweep's admission window with its next waiting targets. Whoever has its record gives it.
local function admit(sweep, s)
  local sk = P .. 'sw:' .. sweep
  s = s or look_sweep(sweep)
  if s.state ~= 'running' and s.state ~= 'planning' then return end
  local live, window, cursor, total = tonumber(s['n:l']), tonumber(s.window), tonumber(s.cursor), tonumber(s.total)
  ranks[sweep] = s.prio and string.match(s.prio, '^[012]$') or false
  -- A record that lacks what a target's first job is made of admits nobody until it is mended.
  if not (live and window and cursor and cursor >= 0 and total and s.lane and s.head and s.tail and s.max) then
    return broken('the record of sweep ' .. sweep .. ' is not whole')
  end
  live = live + pending(sk, 'n:l')
  if is_capped(s) and is_stopped(sweep, live) then return end
  local room, st = window - live, P .. 'st:' .. sweep
  local from, admitted = cursor, {}
  while room > 0 and cursor < total do
    local codes = call('GETRANGE', st, cursor, math.min(cursor + room, cursor + STATUSES, total) - 1)
    if codes == '' then break end -- whatever the total says
    local now, n = string.gsub(codes, 'q', 'l')
    if n > 0 then call('SETRANGE', st, cursor, now) end
    for at in string.gmatch(codes, '()q') do admitted[#admitted + 1] = cursor + at - 1 end
    cursor, room = cursor + #codes, room - n
  end
  if cursor > from then call('HSET', sk, 'cursor', cursor) end
  if #admitted == 0 then return end
  count(sk, 'n:q', -#admitted, true)
  count(sk, 'n:l', #admitted, true)
  local failed
  for _, target in ipairs(admitted) do
    local ok, why = pcall(enqueue, first_job(sweep, target, s.lane, s.prio, s.max, s.head, s.tail))
    if not ok then failed = failed or why end
  end
  if failed then error(failed) end
end

-- Targets have come to an end, one or many at once. What a person cancelled, and what was passed over, is no failure.
local ENDS = { r = 'resolved', u = 'unresolved', s = 'skipped', x = 'cancelled', b = 'left_out' }
local function tell_settled(sweep, code, targets, target)
  if not ENDS[code] or targets == 0 then return end
  tell('settlements', { endpoint = ENDS[code], success = code ~= 'u' and code ~= 'b', sweep = sweep,
    target = tonumber(target), targets = targets })
end

-- All targets of a sweep with one status get another one; returns how many.
local function recode(sweep, from, to)
  local st, sk = P .. 'st:' .. sweep, P .. 'sw:' .. sweep
  local codes, n = string.gsub(call('GET', st) or '', from, to)
  if n > 0 then
    call('SET', st, codes)
    count(sk, 'n:' .. from, -n, true)
    count(sk, 'n:' .. to, n, true)
    tell_settled(sweep, to, n)
  end
  return n
end

-- A sweep that was over goes on. The time in between is not its own.
local function reopen(sk, state)
  local ended = tonumber(call('HGET', sk, 'ended') or NOW) or NOW
  add(sk, 'idle', digits(math.max(0, NOW - ended)))
  call('HDEL', sk, 'ended')
  call('HSET', sk, 'state', state)
end

-- The job that the record of a sweep keeps for its end, if there is one. One that is still there from an
-- earlier end stays.
local function enqueue_last(sweep)
  local s = call('HMGET', P .. 'sw:' .. sweep, 'last:id', 'last:lane', 'last:max', 'last:body', 'prio')
  if not (s[1] or s[4]) then return end
  if not (s[1] and s[2] and s[3] and s[4]) then
    return broken('the record of sweep ' .. sweep .. ' does not say what follows its end')
  end
  enqueue({ id = s[1], lane = s[2], prio = s[5] or '1', sweep = sweep, target = '', delay = 0, max = s[3], body = s[4] })
end

-- A planned sweep without waiting or live targets is done, and what follows is enqueued; with one again, it runs
-- again. What its budget does not reach is left out once nothing is live any more.
local function judge_sweep(sweep, s)
  local sk = P .. 'sw:' .. sweep
  s = s or look_sweep(sweep)
  local waiting, live = tonumber(s['n:q']), tonumber(s['n:l'])
  if s.planned ~= '1' or not waiting or not live then return end
  waiting, live = waiting + pending(sk, 'n:q'), live + pending(sk, 'n:l')
  if s.state == 'running' and waiting > 0 and live == 0 and is_stopped(sweep, 0) then
    recode(sweep, 'q', 'b')
    waiting = 0
  end
  if waiting == 0 and live == 0 then
    if s.state == 'running' then
      call('HSET', sk, 'state', 'done', 'ended', NOW)
      enqueue_last(sweep)
    end
  elseif s.state == 'done' then
    reopen(sk, 'running')
  end
end

-- A sweep admits what it has room for, and ends where it is through.
local function go_on(sweep)
  local s = look_sweep(sweep)
  admit(sweep, s)
  -- Counters are written before a budget is judged by them: what was read of a capped sweep is old.
  judge_sweep(sweep, not is_capped(s) and s or nil)
end

-- A target is accepted once the stream that the sweep's record names has its row, perhaps while more is done
-- about it.
local function is_accepted(sweep, target)
  local stream = call('HGET', P .. 'sw:' .. sweep, 'accepts')
  return stream and call('HEXISTS', P .. 'rowid:' .. stream .. ':' .. sweep, sweep .. '-' .. target) == 1
end

-- Sweeps whose targets have settled, in order, and whether a live one has. What follows is done once for each, before
-- all else that is settled at the end of a call.
local moved = {}
table.insert(at_end, 1, function()
  local failed
  while #moved > 0 do
    local sweeps = moved
    moved = {}
    for _, sweep in ipairs(sweeps) do
      local ok, why = pcall(sweeps[sweep] and go_on or judge_sweep, sweep)
      if not ok then failed = failed or why end
    end
  end
  if failed then error(failed) end
end)

-- Move a target to a status; counters follow, the next target is admitted, the sweep may end. What is
-- accepted is accepted: where work on it dies or is cancelled after that, the target is resolved.
settle = function(sweep, target, code)
  local st = P .. 'st:' .. sweep
  -- Nobody puts back what a cancelled sweep leaves out.
  if code == 'b' and is_cancelled(sweep) then code = 'x' end
  local old, asked = call('GETRANGE', st, target, target), code
  if old == '' then return end
  if string.find('uxb', code, 1, true) and is_accepted(sweep, target) then code = 'r' end
  if old == code then return end
  call('SETRANGE', st, target, code)
  local sk = P .. 'sw:' .. sweep
  count(sk, 'n:' .. old, -1, true)
  count(sk, 'n:' .. code, 1, true)
  tell_settled(sweep, code, 1, target)
  tidy(sweep, target, asked)
  if moved[sweep] == nil then moved[#moved + 1] = sweep end
  moved[sweep] = moved[sweep] or old == 'l'
end
