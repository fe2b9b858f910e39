-- prelude.lua: what all scripts share. Put before each script by the client.
--
-- KEYS[1]  prefix of the partition, "{ns:p}:"; every key below carries its hash tag.
-- Time is the Redis clock, in milliseconds: the clocks of workers do not count.
local P = KEYS[1]
local call = redis.call
local t = call('TIME')
local NOW = t[1] * 1000 + math.floor(t[2] / 1000)
local PRIORITY_STEP = 35184372088832 -- 2^45: a lane's turns stay below it for ever

-- The pool of a lane is what its limit counts: "rung:ollama" and "shard:ollama" share "ollama".
local function pool_of(lane)
  return string.match(lane, ':(.+)$') or lane
end

-- Wake at most one idle worker a lane and call; whoever wakes passes it on if work is left.
local woken = {}
local function wake(lane)
  if woken[lane] then return end
  woken[lane] = true
  if not woken['*'] then
    woken['*'] = true
    if call('LLEN', P .. 'wake') == 0 then call('RPUSH', P .. 'wake', '1') end
  end
  local k = P .. 'wake:' .. lane
  if call('LLEN', k) == 0 then call('RPUSH', k, '1') end
end

-- Groups take turns: a group that is new or was just served goes to the end of its priority.
local function queue_group(lane, group)
  local turn = call('HINCRBY', P .. 'turn', lane, 1)
  local prio = tonumber(string.sub(group, 1, 1))
  call('ZADD', P .. 'ring:' .. lane, (2 - prio) * PRIORITY_STEP + turn, group)
end

local function push_ready(id, lane, prio, sweep)
  local group = prio .. '|' .. sweep
  if call('RPUSH', P .. 'q:' .. lane .. ':' .. group, id) == 1 then
    queue_group(lane, group)
  end
  call('HINCRBY', P .. 'ready', lane, 1)
  wake(lane)
end

-- Groups of a paused sweep that claims have set aside take their turns again.
local function unpark(sweep)
  local parked = P .. 'parked:' .. sweep
  for _, entry in ipairs(call('SMEMBERS', parked)) do
    local lane, group = string.match(entry, '^(%S+) (.+)$')
    if call('EXISTS', P .. 'q:' .. lane .. ':' .. group) == 1 then queue_group(lane, group) end
    wake(lane)
  end
  call('UNLINK', parked)
end

-- A sweep that a person cancelled: its jobs are dropped where they stand, see drop_cancelled.
local function is_cancelled(sweep)
  return sweep ~= '' and call('SISMEMBER', P .. 'cancelled', sweep) == 1
end

-- A job leaves the queue for good. `js:SWEEP` names all jobs of a sweep, whatever their state, so
-- that nobody has to look through the keys of the server to find them.
local function remove(id, sweep)
  call('UNLINK', P .. 'j:' .. id, P .. 'b:' .. id)
  call('SREM', P .. 'js:' .. sweep, id)
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
  local prio = j.sweep ~= '' and call('HGET', P .. 'sw:' .. j.sweep, 'prio') or j.prio
  local state = j.delay > 0 and 'delayed' or 'ready'
  call('HSET', key, 'st', state, 'l', j.lane, 'p', prio, 's', j.sweep, 'g', j.target,
    'm', j.max, 'a', 0, 'c', 0, 'e', NOW)
  call('SET', P .. 'b:' .. j.id, j.body)
  call('SADD', P .. 'js:' .. j.sweep, j.id)
  if j.delay > 0 then
    call('ZADD', P .. 'delayed', NOW + j.delay, j.id)
    wake(j.lane) -- an idle worker must learn of the new due time
  else
    push_ready(j.id, j.lane, prio, j.sweep)
  end
  return 1
end

-- Fill the sweep's admission window with its next waiting targets.
local function admit(sweep)
  local sk = P .. 'sw:' .. sweep
  local s = call('HMGET', sk, 'n:l', 'window', 'cursor', 'total', 'lane', 'head', 'tail', 'max', 'prio', 'state')
  if s[10] ~= 'running' and s[10] ~= 'planning' then return end
  local room = tonumber(s[2]) - tonumber(s[1])
  local cursor, total = tonumber(s[3]), tonumber(s[4])
  local from, admitted = cursor, 0
  while room > 0 and cursor < total do
    local code = call('GETRANGE', P .. 'st:' .. sweep, cursor, cursor)
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
    call('HINCRBY', sk, 'n:q', -admitted)
    call('HINCRBY', sk, 'n:l', admitted)
  end
end

-- A planned sweep without waiting or live targets is done; with one again, it runs again.
local function judge_sweep(sweep)
  local sk = P .. 'sw:' .. sweep
  local s = call('HMGET', sk, 'planned', 'n:q', 'n:l', 'state')
  if s[1] ~= '1' then return end
  if tonumber(s[2]) == 0 and tonumber(s[3]) == 0 then
    if s[4] == 'running' then call('HSET', sk, 'state', 'done', 'ended', NOW) end
  elseif s[4] == 'done' then
    call('HSET', sk, 'state', 'running')
  end
end

-- Move a target to a status; counters follow, the next target is admitted, the sweep may end.
settle = function(sweep, target, code)
  local st = P .. 'st:' .. sweep
  local old = call('GETRANGE', st, target, target)
  if old == '' or old == code then return end
  call('SETRANGE', st, target, code)
  local sk = P .. 'sw:' .. sweep
  call('HINCRBY', sk, 'n:' .. old, -1)
  call('HINCRBY', sk, 'n:' .. code, 1)
  tidy(sweep, target, code)
  if code == 'l' then judge_sweep(sweep) end
  if old == 'l' then admit(sweep) end
  judge_sweep(sweep)
end

-- A job leaves its lease: the pool has room again, which may be what others wait for.
local function unlease(id, lane)
  local pool = pool_of(lane)
  call('ZREM', P .. 'leases', id)
  if call('HINCRBY', P .. 'leased', pool, -1) <= 0 then call('HDEL', P .. 'leased', pool) end
  if call('HEXISTS', P .. 'limits', pool) == 0 then return end
  for _, ready in ipairs(call('HKEYS', P .. 'ready')) do
    if pool_of(ready) == pool then wake(ready) end
  end
end

-- Leased -> dead. A dead job of a target leaves it unresolved; one of a whole sweep fails it.
local function bury(id, sweep, target, class, reason)
  local key = P .. 'j:' .. id
  call('HSET', key, 'st', 'dead', 't', '', 'dc', class, 'dr', reason, 'da', NOW)
  call('HSETNX', key, 'df', NOW)
  call('ZADD', P .. 'dead', NOW, id)
  if sweep == '' then return end
  if target ~= '' then
    call('SADD', P .. 'dt:' .. sweep .. ':' .. target, id)
    settle(sweep, target, 'u')
  elseif call('EXISTS', P .. 'sw:' .. sweep) == 1 and not is_cancelled(sweep) then
    call('HSET', P .. 'sw:' .. sweep, 'state', 'failed', 'error', reason, 'ended', NOW)
  end
end

-- Ready | delayed -> absent for a job whose sweep was cancelled; its target is cancelled too.
local function drop_cancelled(id, sweep, target)
  remove(id, sweep)
  if target ~= '' then settle(sweep, target, 'x') end
end

-- Leased -> ready, the crash counted or not.
local function back_to_ready(id, lane, prio, sweep)
  call('HSET', P .. 'j:' .. id, 'st', 'ready', 't', '')
  push_ready(id, lane, prio, sweep)
end

-- Effects in the flat form of Effect::encode; returns the next position.
local function apply(i)
  local n = tonumber(ARGV[i])
  i = i + 1
  for _ = 1, n do
    local op = ARGV[i]
    i = i + 1
    if op == 'enqueue' then
      local j
      j, i = read_job(i)
      enqueue(j)
    elseif op == 'row' then
      local sweep, stream, row_id, json = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
      local index = P .. 'rowid:' .. stream .. ':' .. sweep
      if call('HEXISTS', index, row_id) == 0 then
        local entry = call('XADD', P .. 'rows:' .. stream .. ':' .. sweep, '*', 'id', row_id, 'row', json)
        call('HSET', index, row_id, entry)
      end
      i = i + 4
    elseif op == 'put' then
      call('HSET', P .. ARGV[i], ARGV[i + 1], ARGV[i + 2])
      i = i + 3
    elseif op == 'add' then
      call('HINCRBY', P .. ARGV[i], ARGV[i + 1], ARGV[i + 2])
      i = i + 3
    elseif op == 'append' then
      call('RPUSH', P .. ARGV[i], ARGV[i + 1])
      i = i + 2
    elseif op == 'delete' then
      call('UNLINK', P .. ARGV[i])
      i = i + 1
    elseif op == 'barrier' then
      local key = P .. 'bar:' .. ARGV[i]
      local size = ARGV[i + 1]
      local j
      j, i = read_job(i + 2)
      if call('EXISTS', key) == 0 then
        call('HSET', key, 'size', size, 'n', 0, 'id', j.id, 'lane', j.lane, 'prio', j.prio,
          'sweep', j.sweep, 'target', j.target, 'delay', j.delay, 'max', j.max, 'body', j.body)
      end
    elseif op == 'arrive' then
      local key = P .. 'bar:' .. ARGV[i]
      local members = P .. 'barm:' .. ARGV[i]
      -- A barrier that is gone has been passed: arriving there again is nothing.
      if call('EXISTS', key) == 1 and call('SETBIT', members, ARGV[i + 1], 1) == 0 then
        local arrived = call('HINCRBY', key, 'n', 1)
        local b = call('HMGET', key, 'size', 'id', 'lane', 'prio', 'sweep', 'target', 'delay', 'max', 'body')
        if arrived >= tonumber(b[1]) then
          call('UNLINK', key, members)
          enqueue({ id = b[2], lane = b[3], prio = b[4], sweep = b[5], target = b[6],
            delay = tonumber(b[7]), max = b[8], body = b[9] })
        end
      end
      i = i + 2
    elseif op == 'plan' then
      local sweep, first, count = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
      i = i + 3
      local sk, tg = P .. 'sw:' .. sweep, P .. 'tg:' .. sweep
      -- Pages come in order; one that was written before is not written again.
      if tonumber(call('HGET', sk, 'total')) == first and not is_cancelled(sweep) then
        local codes, skipped = {}, 0
        for k = 0, count - 1 do
          codes[k + 1] = ARGV[i + 2 * k]
          if codes[k + 1] == 's' then skipped = skipped + 1 end
          call('HSET', tg, first + k, ARGV[i + 2 * k + 1])
        end
        if count > 0 then call('SETRANGE', P .. 'st:' .. sweep, first, table.concat(codes)) end
        call('HINCRBY', sk, 'n:s', skipped)
        call('HINCRBY', sk, 'n:q', count - skipped)
        call('HSET', sk, 'total', first + count)
        admit(sweep)
      end
      i = i + 2 * count
    elseif op == 'planned' then
      local sk = P .. 'sw:' .. ARGV[i]
      if call('HGET', sk, 'state') == 'planning' then
        call('HSET', sk, 'planned', '1', 'state', 'running')
        admit(ARGV[i])
        judge_sweep(ARGV[i])
      end
      i = i + 1
    elseif op == 'settle' then
      settle(ARGV[i], ARGV[i + 1], ARGV[i + 2])
      i = i + 3
    else
      error('unknown effect ' .. tostring(op))
    end
  end
  return i
end
