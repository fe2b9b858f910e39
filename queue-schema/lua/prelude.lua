-- prelude.lua: what all scripts share. Put before each script by the client.
--
-- KEYS[1]  prefix of the partition, "{ns:p}:"; every key below carries its hash tag.
-- The client makes a function of each script and has `finish` run it, see the end of this file.
-- Time is the Redis clock, in milliseconds: the clocks of workers do not count.
local P = KEYS[1]
local call = redis.call
local t = call('TIME')
local NOW = t[1] * 1000 + math.floor(t[2] / 1000)
-- A number with its digits written out: Redis would take longer over it.
local function digits(n) return string.format('%.0f', n) end
local PRIORITY_STEP = 35184372088832 -- 2^45: a lane's turns stay below it for ever

-- The pool of a lane is what its limit counts: "rung:ollama" and "shard:ollama" share "ollama".
local function pool_of(lane)
  return string.match(lane, ':(.+)$') or lane
end

-- Keys may hold foreign values. A script does what it can without them and sets the key `damaged`, so that the
-- next upkeep checks everything. A script that such a key stops sets it as well.
local met
local function broken(what)
  if type(what) == 'table' then what = what.err or '?' end
  met = met or string.sub(what, 1, 200)
end

-- Adds to a counter. An invalid one begins at 0; the reconciler counts it anew.
local function add(key, field, by)
  local n = redis.pcall('HINCRBY', key, field, by)
  if type(n) ~= 'table' then return n end
  if not string.find(n.err, 'not an integer', 1, true) and not string.find(n.err, 'overflow', 1, true) then error(n) end
  broken(n)
  n = math.max(0, tonumber(by) or 0)
  call('HSET', key, field, digits(n))
  return n
end

-- A list of one token at most. A foreign value there is removed.
local function token(key)
  local n = redis.pcall('LLEN', key)
  if type(n) == 'table' then
    broken(n)
    call('UNLINK', key)
    n = 0
  end
  if n == 0 then call('RPUSH', key, '1') elseif n > 1 then call('LTRIM', key, 0, 0) end
end

-- Wake at most one idle worker a lane and call; whoever wakes passes it on if work is left.
local woken = {}
local function wake(lane)
  if woken[lane] then return end
  woken[lane] = true
  if not woken['*'] then
    woken['*'] = true
    token(P .. 'wake')
  end
  token(P .. 'wake:' .. lane)
  -- Nobody knows the lanes of appliers beforehand: whoever serves them waits for all at once.
  if string.sub(lane, 1, 6) == 'apply:' then token(P .. 'wake:apply:*') end
end

-- A pool may have room for what waits in any of its lanes.
local function wake_pool(pool)
  for _, lane in ipairs(call('HKEYS', P .. 'ready')) do
    if pool_of(lane) == pool then wake(lane) end
  end
end

-- Groups take turns: a group that is new or was just served goes to the end of its priority.
local function queue_group(lane, group)
  local turn = add(P .. 'turn', lane, 1)
  local prio = tonumber(string.sub(group, 1, 1)) or 1
  call('ZADD', P .. 'ring:' .. lane, (2 - prio) * PRIORITY_STEP + turn, group)
end

-- Jobs that this call makes ready go into their lists together: settle_up does it.
local made_ready = {}
local function push_ready(id, lane, prio, sweep)
  local group = prio .. '|' .. sweep
  local list = lane .. ':' .. group
  local jobs = made_ready[list]
  if not jobs then
    jobs = { list = list, lane = lane, group = group }
    made_ready[list] = jobs
    made_ready[#made_ready + 1] = jobs
  end
  jobs[#jobs + 1] = id
end

-- A command over a list of any length: Lua's stack holds some thousand arguments.
local function in_parts(list, each)
  for from = 1, #list, 1000 do each(unpack(list, from, math.min(from + 999, #list))) end
end

-- Groups of a paused sweep that claims have set aside take their turns again.
local function unpark(sweep)
  local parked = P .. 'parked:' .. sweep
  for _, entry in ipairs(call('SMEMBERS', parked)) do
    local lane, group = string.match(entry, '^(%S+) (.+)$')
    if lane then
      if call('EXISTS', P .. 'q:' .. lane .. ':' .. group) == 1 then queue_group(lane, group) end
      wake(lane)
    end
  end
  call('UNLINK', parked)
end

-- A sweep that a person cancelled: its jobs are dropped where they stand, see drop_cancelled.
local cancelled = {}
local function is_cancelled(sweep)
  if sweep == '' then return false end
  if cancelled[sweep] == nil then cancelled[sweep] = call('SISMEMBER', P .. 'cancelled', sweep) == 1 end
  return cancelled[sweep]
end

-- Fields of a job's record by name. One that has its default is not kept: a waiting job is a few
-- words, and there may be many. A job that is not there, or has no record that can be read, has no `st`.
local DEFAULTS = { s = '', g = '', a = '0', c = '0' }
local function look(id, ...)
  local names = { ... }
  local values = redis.pcall('HMGET', P .. 'j:' .. id, ...)
  if values.err then broken(values) end
  local j = { id = id }
  for k, name in ipairs(names) do j[name] = values[k] or DEFAULTS[name] end
  return j
end

-- A job leaves the queue for good. `js:SWEEP` names all jobs of a sweep, whatever their state, so
-- that nobody has to look through the keys of the server to find them.
local function remove(id, sweep)
  call('UNLINK', P .. 'j:' .. id, P .. 'b:' .. id)
  if sweep ~= '' then call('SREM', P .. 'js:' .. sweep, id) end
end

-- The rank that a person gave a sweep: all its jobs have it.
local ranks = {}
local function rank_of(sweep)
  if sweep == '' then return nil end
  if ranks[sweep] == nil then
    local rank = call('HGET', P .. 'sw:' .. sweep, 'prio')
    ranks[sweep] = rank and string.match(rank, '^[012]$') or false
  end
  return ranks[sweep] or nil
end

-- What a review has gathered is of no use when nobody will go on with it: always when its target
-- was cancelled, and when its job died in a sweep that was. Attempts of the latter are reported.
local function tidy(sweep, target, code)
  if code ~= 'x' and not (code == 'u' and is_cancelled(sweep)) then return end
  local review = sweep .. '-' .. target
  call('UNLINK', P .. 'rev:' .. review, P .. 'bar:' .. review .. '.shards',
    P .. 'barm:' .. review .. '.shards')
  if code == 'x' then call('UNLINK', P .. 'att:' .. review) end
end

-- A job in the flat form of NewJob::encode; returns it and the next position.
local function read_job(i)
  return {
    id = ARGV[i], lane = ARGV[i + 1], prio = ARGV[i + 2], sweep = ARGV[i + 3],
    target = ARGV[i + 4], delay = tonumber(ARGV[i + 5]), max = ARGV[i + 6], body = ARGV[i + 7],
  }, i + 8
end

-- Absent -> ready | delayed. An id that is in the queue in any state is left as it is. A job of a
-- recorded sweep has the sweep's priority, so that a follow-up need not know it.
local settle
local function enqueue(j)
  local key = P .. 'j:' .. j.id
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
  call('SET', P .. 'b:' .. j.id, j.body)
  if j.sweep ~= '' then call('SADD', P .. 'js:' .. j.sweep, j.id) end
  if j.delay > 0 then
    call('ZADD', P .. 'delayed', NOW + j.delay, j.id)
    wake(j.lane) -- an idle worker must learn of the new due time
  else
    push_ready(j.id, j.lane, prio, j.sweep)
  end
  return 1
end

-- Of budgets, see budget.lua.
local budget_of, is_stopped, release

-- Fill the sweep's admission window with its next waiting targets.
local function admit(sweep)
  local sk = P .. 'sw:' .. sweep
  local s = call('HMGET', sk, 'n:l', 'window', 'cursor', 'total', 'lane', 'head', 'tail', 'max', 'prio', 'state',
    'cap:calls', 'cap:tokens', 'cap:micro_usd')
  if s[10] ~= 'running' and s[10] ~= 'planning' then return end
  local live, window, cursor, total = tonumber(s[1]), tonumber(s[2]), tonumber(s[3]), tonumber(s[4])
  -- A record that lacks what a target's first job is made of admits nobody until it is mended.
  if not (live and window and cursor and cursor >= 0 and total and s[5] and s[6] and s[7] and s[8]) then
    return broken('the record of sweep ' .. sweep .. ' is not whole')
  end
  if (s[11] or s[12] or s[13]) and is_stopped(sweep, live) then return end
  local room = window - live
  local from, admitted = cursor, 0
  while room > 0 and cursor < total do
    local code = call('GETRANGE', P .. 'st:' .. sweep, cursor, cursor)
    if code == '' then break end -- whatever the total says
    if code == 'q' then
      call('SETRANGE', P .. 'st:' .. sweep, cursor, 'l')
      enqueue({ id = sweep .. '-' .. cursor .. '.review', lane = s[5], prio = s[9], sweep = sweep,
        target = tostring(cursor), delay = 0, max = s[8], body = s[6] .. cursor .. s[7] })
      room = room - 1
      admitted = admitted + 1
    end
    cursor = cursor + 1
  end
  if cursor > from then call('HSET', sk, 'cursor', cursor) end
  if admitted > 0 then
    add(sk, 'n:q', -admitted)
    add(sk, 'n:l', admitted)
  end
end

-- All targets of a sweep with one status get another one; returns how many.
local function recode(sweep, from, to)
  local st, sk = P .. 'st:' .. sweep, P .. 'sw:' .. sweep
  local codes, n = string.gsub(call('GET', st) or '', from, to)
  if n > 0 then
    call('SET', st, codes)
    add(sk, 'n:' .. from, -n)
    add(sk, 'n:' .. to, n)
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

-- A planned sweep without waiting or live targets is done; with one again, it runs again. What its
-- budget does not reach is left out once nothing is live any more.
local function judge_sweep(sweep)
  local sk = P .. 'sw:' .. sweep
  local s = call('HMGET', sk, 'planned', 'n:q', 'n:l', 'state')
  local waiting, live = tonumber(s[2]), tonumber(s[3])
  if s[1] ~= '1' or not waiting or not live then return end
  if s[4] == 'running' and waiting > 0 and live == 0 and is_stopped(sweep, 0) then
    recode(sweep, 'q', 'b')
    waiting = 0
  end
  if waiting == 0 and live == 0 then
    if s[4] == 'running' then call('HSET', sk, 'state', 'done', 'ended', NOW) end
  elseif s[4] == 'done' then
    reopen(sk, 'running')
  end
end

-- A target whose review was accepted: its row is there, perhaps while its facts are still worked on.
local function is_accepted(sweep, target)
  return call('HEXISTS', P .. 'rowid:scrum_reviews:' .. sweep, sweep .. '-' .. target) == 1
end

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
  add(sk, 'n:' .. old, -1)
  add(sk, 'n:' .. code, 1)
  tidy(sweep, target, asked)
  if code == 'l' then judge_sweep(sweep) end
  if old == 'l' then admit(sweep) end
  judge_sweep(sweep)
end

-- Starts that the pool's token bucket allows now, up to n; the tokens in it; when there is another one,
-- if that is not now. The bucket holds a twentieth of a minute's worth, so that no minute sees more
-- than 105 % of it.
local function allowed(pool, n)
  local rate = tonumber(call('HGET', P .. 'rates', pool) or '0') or 0
  if rate <= 0 then return n, nil, nil end
  local most = math.max(1, rate / 20)
  local b = call('HMGET', P .. 'bucket:' .. pool, 'tokens', 'at')
  local tokens, next_at = most, nil
  local had, at = tonumber(b[1] or ''), tonumber(b[2] or '')
  if had and at then tokens = math.min(most, math.max(0, had) + math.max(0, NOW - at) * rate / 60000) end
  if tokens < 1 then next_at = NOW + math.ceil((1 - tokens) * 60000 / rate) end
  return math.min(n, math.floor(tokens)), tokens, next_at
end

-- What is left in the bucket after starts.
local function spend(pool, tokens)
  call('HSET', P .. 'bucket:' .. pool, 'tokens', tokens, 'at', NOW)
end

-- Places of a pool are free, for workers that claim in other partitions: one of them looks.
local function freed(pool)
  token(P .. 'freed:' .. pool)
end

-- A job leaves its lease; settle_up takes all of them off together.
local left, left_of = {}, {} -- ids; how many of each pool
local function unlease(id, lane)
  local pool = pool_of(lane)
  left[#left + 1] = id
  left_of[pool] = (left_of[pool] or 0) + 1
end

-- What the jobs of this call have in common: those that left their leases, whose pools have room
-- again, which may be what others wait for; those that are ready now. What can't be done about one lane
-- is no reason to leave the others; the first failure is told at the end.
local function settle_up()
  local ready, gone, gone_of = made_ready, left, left_of
  made_ready, left, left_of = {}, {}, {}
  local failed
  local function try(part, ...)
    local ok, why = pcall(part, ...)
    if not ok then failed = failed or why end
  end
  local function line_up(jobs)
    local length
    in_parts(jobs, function(...) length = call('RPUSH', P .. 'q:' .. jobs.list, ...) end)
    if length == #jobs then queue_group(jobs.lane, jobs.group) end
    add(P .. 'ready', jobs.lane, #jobs)
    wake(jobs.lane)
  end
  local function give_back(pool, n)
    if add(P .. 'leased', pool, -n) <= 0 then call('HDEL', P .. 'leased', pool) end
    if call('HEXISTS', P .. 'limits', pool) == 1 then wake_pool(pool) end
  end
  for _, jobs in ipairs(ready) do try(line_up, jobs) end
  try(in_parts, gone, function(...) call('ZREM', P .. 'leases', ...) end)
  for pool, n in pairs(gone_of) do try(give_back, pool, n) end
  if failed then error(failed) end
end

-- A letter is gone for good, and with the last one of an accepted review what its facts needed: an
-- unresolved target keeps its attempts, because they are reported.
local function letter_gone(id, sweep, target)
  if sweep == '' or target == '' then return end
  local group = P .. 'dt:' .. sweep .. ':' .. target
  call('SREM', group, id)
  if call('EXISTS', group) == 0 and call('GETRANGE', P .. 'st:' .. sweep, target, target) == 'r' then
    call('UNLINK', P .. 'rev:' .. sweep .. '-' .. target)
  end
end

-- Leased -> dead. A dead job of a target leaves it unresolved; one that plans a sweep fails it.
local function bury(id, sweep, target, class, reason)
  local key = P .. 'j:' .. id
  call('HSET', key, 'st', 'dead', 't', '', 'dc', class, 'dr', reason, 'da', NOW)
  call('HSETNX', key, 'df', NOW)
  call('ZADD', P .. 'dead', NOW, id)
  if sweep == '' then return end
  if target ~= '' then
    call('SADD', P .. 'dt:' .. sweep .. ':' .. target, id)
    settle(sweep, target, 'u')
  elseif call('HGET', key, 'l') == 'plan' and not is_cancelled(sweep) and call('EXISTS', P .. 'sw:' .. sweep) == 1 then
    call('HSET', P .. 'sw:' .. sweep, 'state', 'failed', 'error', reason, 'ended', NOW)
  end
end

-- Ready | delayed -> absent for a job whose sweep was cancelled; its target is cancelled too.
local function drop_cancelled(id, sweep, target)
  release(id, sweep, call('HGET', P .. 'j:' .. id, 'res'))
  remove(id, sweep)
  if target ~= '' then settle(sweep, target, 'x') end
end

-- Leased -> ready, the crash counted or not.
local function back_to_ready(id, lane, prio, sweep)
  call('HSET', P .. 'j:' .. id, 'st', 'ready', 't', '')
  push_ready(id, lane, prio, sweep)
end

-- Runs a script. What its jobs have in common is settled also when it fails half way: what was done
-- until then stays done, and no job may be ready without standing in a list.
local function finish(script)
  local ok, result = pcall(script)
  local settled, why = pcall(settle_up)
  if ok and not settled then ok, result = false, why end
  if not ok then broken(result) end
  -- A server that refuses writes refuses this one too.
  if met then redis.pcall('SET', P .. 'damaged', met, 'EX', 3600) end
  if ok or type(result) == 'table' then return result end
  return redis.error_reply(result) -- error() would put ERR before its code, MISCONF for one
end
