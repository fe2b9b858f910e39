-- reconcile.lua: judges what a look at the queue found suspicious, and mends it. A look takes many
-- commands, so most of what it finds was only in motion; here it is judged at one moment.
--
-- ARGV[1]  'jobs' | 'lane' | 'pools' | 'sweep' | 'targets' | 'wake'
-- ARGV[2]  '1' to mend, '0' to tell only
-- ARGV[3+] see each of them
-- Returns for each fault: kind, what it is about, what is wrong. Before them for 'wake' the turn.
-- @include lanes
-- @include targets
-- @include gathered
local mend = ARGV[2] == '1'
local out = {}
local function fault(kind, what, message)
  for _, word in ipairs({ kind, what, message }) do out[#out + 1] = word end
  return mend
end
local function list_of(lane, group) return P .. 'q:' .. lane .. ':' .. group end
local zsets = { leased = 'leases', delayed = 'delayed', dead = 'dead' }

local checks = {}

-- Each job in exactly the place that its record names. The counters of the lanes are not touched:
-- they are judged after this.
-- ARGV[3]  length of a lease, ms; then per job: id, number of lists where it was seen besides its
--          own, per list: lane, group
function checks.jobs()
  local i = 4
  while i <= #ARGV do
    local id, seen, lists = ARGV[i], tonumber(ARGV[i + 1]), {}
    i = i + 2
    for k = 1, seen do
      lists[k] = { lane = ARGV[i], group = ARGV[i + 1] }
      i = i + 2
    end
    local key = P .. 'j:' .. id
    local j = call('HMGET', key, 'st', 'l', 'p', 's', 'g', 'da')
    local state, lane, prio, sweep, target = j[1], j[2] or '', j[3] or '1', j[4] or '', j[5] or ''
    if state and state ~= 'ready' and not zsets[state] then
      if fault('state', id, "its record says '" .. state .. "', which is no state") then
        call('HSET', key, 'st', 'ready', 't', '')
      end
      state = 'ready'
    end
    for word, set in pairs(zsets) do
      local there = call('ZSCORE', P .. set, id)
      if there and state ~= word then
        local why = state and 'its record says ' .. state or 'it has no record'
        if fault('stray', id, 'it is in ' .. set .. ', but ' .. why) then call('ZREM', P .. set, id) end
      elseif not there and state == word then
        if fault('lost', id, 'its record says ' .. state .. ', but ' .. set .. ' lacks it') then
          -- A worker that still has it renews the lease; else it is taken back.
          local at = state == 'leased' and NOW + tonumber(ARGV[3]) or state == 'dead' and j[6] or NOW
          call('ZADD', P .. set, at, id)
          if state == 'delayed' then wake(lane) end
        end
      end
    end
    if state then
      local group = prio .. '|' .. sweep
      local n = #call('LPOS', list_of(lane, group), id, 'COUNT', 0)
      if state ~= 'ready' and n > 0 then
        if fault('stray', id, 'it is ready in ' .. lane .. ', but its record says ' .. state) then
          call('LREM', list_of(lane, group), 0, id)
        end
      elseif state == 'ready' and n > 1 then
        if fault('twice', id, 'it is ready in ' .. lane .. ' ' .. n .. ' times') then
          call('LREM', list_of(lane, group), 1 - n, id)
        end
      elseif state == 'ready' and n == 0 then
        if fault('lost', id, 'its record says ready, but no list of ' .. lane .. ' has it') then
          if call('RPUSH', list_of(lane, group), id) == 1 then queue_group(lane, group) end
          wake(lane)
        end
      end
      if sweep ~= '' and call('SISMEMBER', P .. 'js:' .. sweep, id) == 0 then
        if fault('index', id, 'the index of its sweep lacks it') then call('SADD', P .. 'js:' .. sweep, id) end
      end
      local together = P .. 'dt:' .. sweep .. ':' .. target
      if state == 'dead' and sweep ~= '' and target ~= '' and call('SISMEMBER', together, id) == 0 then
        if fault('letter', id, 'the dead jobs of its target lack it') then call('SADD', together, id) end
      end
    end
    for _, at in ipairs(lists) do
      local own = state and at.lane == lane and at.group == prio .. '|' .. sweep
      if not own and call('LPOS', list_of(at.lane, at.group), id) then
        local why = state and 'its record names ' .. lane or 'it has no record'
        if fault('stray', id, 'it is ready in ' .. at.lane .. ' as well, but ' .. why) then
          call('LREM', list_of(at.lane, at.group), 0, id)
        end
      end
    end
  end
end

-- Lists and turns of a lane belong together, and its counter is right.
-- ARGV[3]  lane; ARGV[4]  jobs in its lists more than there should be, as told before;
-- ARGV[5+] groups that may have a list
function checks.lane()
  local lane = ARGV[3]
  local ring, groups, parked = P .. 'ring:' .. lane, {}, {}
  local turns = call('ZRANGE', ring, 0, -1, 'WITHSCORES')
  for i = 1, #turns, 2 do
    local group, at = turns[i], tonumber(turns[i + 1])
    groups[group] = true
    if call('EXISTS', list_of(lane, group)) == 0 then
      if fault('turn', lane .. ' ' .. group, 'it takes turns without a job') then call('ZREM', ring, group) end
    elseif not (at >= 0 and at < 3 * PRIORITY_STEP) then
      if fault('turn', lane .. ' ' .. group, 'its turn is one that nobody can have') then queue_group(lane, group) end
    end
  end
  for _, name in ipairs(call('SMEMBERS', P .. 'paused')) do
    local sweep = string.match(name, '^sweep:(.+)$')
    for _, entry in ipairs(sweep and call('SMEMBERS', P .. 'parked:' .. sweep) or {}) do
      local of, group = string.match(entry, '^(%S+) (.+)$')
      if of == lane then groups[group], parked[group] = true, true end
    end
  end
  for i = 5, #ARGV do groups[ARGV[i]] = true end
  local jobs = -tonumber(ARGV[4])
  for group in pairs(groups) do
    local n = call('LLEN', list_of(lane, group))
    jobs = jobs + n
    if n > 0 and not parked[group] and not call('ZSCORE', ring, group) then
      if fault('turn', lane .. ' ' .. group, n .. ' jobs are ready, but it takes no turns') then
        queue_group(lane, group)
        wake(lane)
      end
    end
  end
  local counted = tonumber(call('HGET', P .. 'ready', lane) or 0)
  if counted ~= jobs then
    if fault('counter', 'ready ' .. lane, 'it says ' .. counted .. ', and there are ' .. jobs) then
      if jobs > 0 then call('HSET', P .. 'ready', lane, jobs) else call('HDEL', P .. 'ready', lane) end
      if jobs > 0 then wake(lane) end
    end
  end
end

-- Counters of a sweep, its window and its end.
-- ARGV[3]  sweep id
function checks.sweep()
  local sweep = ARGV[3]
  local sk = P .. 'sw:' .. sweep
  local s = call('HMGET', sk, 'window', 'total', 'cursor', 'state', 'planned')
  if not s[1] or call('ZSCORE', P .. 'forgetting', sweep) then return end
  local codes = call('GET', P .. 'st:' .. sweep) or ''
  local n = {}
  for _, code in ipairs({ 'q', 'l', 'r', 'u', 's', 'x', 'b' }) do
    n[code] = select(2, string.gsub(codes, code, ''))
    local counted = tonumber(call('HGET', sk, 'n:' .. code) or 0)
    if counted ~= n[code] then
      local message = "it counts " .. counted .. " targets as '" .. code .. "', and there are " .. n[code]
      if fault('counter', 'sweep ' .. sweep, message) then call('HSET', sk, 'n:' .. code, n[code]) end
    end
  end
  if tonumber(s[2]) ~= #codes then
    local message = 'it counts ' .. s[2] .. ' targets, and there are ' .. #codes
    if fault('counter', 'sweep ' .. sweep, message) then call('HSET', sk, 'total', #codes) end
  end
  local caps = call('HMGET', sk, 'res:calls', 'res:tokens', 'res:micro_usd')
  if caps[1] or caps[2] or caps[3] then
    local sums = { 0, 0, 0 }
    for _, id in ipairs(call('SMEMBERS', P .. 'js:' .. sweep)) do
      local tokens, micro = string.match(call('HGET', P .. 'j:' .. id, 'res') or '', '^(%d+) (%d+)$')
      if tokens then
        sums = { sums[1] + 1, sums[2] + tonumber(tokens), sums[3] + tonumber(micro) }
      end
    end
    for k, name in ipairs({ 'calls', 'tokens', 'micro_usd' }) do
      if tonumber(caps[k] or 0) ~= sums[k] then
        local message = 'it holds ' .. (caps[k] or 0) .. ' ' .. name .. ' of its budget, and its jobs ' .. sums[k]
        if fault('counter', 'sweep ' .. sweep, message) then
          if sums[k] > 0 then call('HSET', sk, 'res:' .. name, digits(sums[k])) else call('HDEL', sk, 'res:' .. name) end
        end
      end
    end
  end
  if s[4] ~= 'running' then return end
  local stopped = is_stopped(sweep, n.l)
  if n.q > 0 and not stopped then
    local first = string.find(codes, 'q', 1, true) - 1
    if n.l < tonumber(s[1]) or first < tonumber(s[3]) then
      if fault('window', 'sweep ' .. sweep, n.q .. ' targets wait, and there is room for them') then
        call('HSET', sk, 'cursor', first)
        admit(sweep)
      end
    end
  elseif n.l == 0 and s[5] == '1' then
    if fault('ended', 'sweep ' .. sweep, 'nothing that may go on waits or is in work, but it says that it runs') then
      judge_sweep(sweep)
    end
  end
end

-- Opens a full barrier of a target, and counts its members anew. True if that made a job.
local function mend_barrier(sweep, name)
  local barrier, members = P .. 'bar:' .. name, P .. 'barm:' .. name
  local b = call('HMGET', barrier, 'size', 'id', 'lane', 'prio', 'target', 'delay', 'max', 'body', 'n')
  if not b[1] then return false end
  local here = call('BITCOUNT', members)
  if here >= tonumber(b[1]) then
    if not fault('barrier', name, 'all of its ' .. b[1] .. ' members have arrived, and it did not open') then return false end
    call('UNLINK', barrier, members)
    enqueue({ id = b[2], lane = b[3], prio = b[4], sweep = sweep, target = b[5],
      delay = tonumber(b[6]), max = b[7], body = b[8] })
    return true
  end
  if here ~= tonumber(b[9]) then
    local message = b[9] .. ' members are counted, and ' .. here .. ' have arrived'
    if fault('barrier', name, message) then call('HSET', barrier, 'n', here) end
  end
  return false
end

-- What a sweep's jobs are about: 'dead' for a target that has only dead ones.
local function busy_of(sweep)
  local busy = {}
  for _, id in ipairs(call('SMEMBERS', P .. 'js:' .. sweep)) do
    local j = look(id, 'g', 'st')
    if j.st and busy[j.g] ~= 'work' then busy[j.g] = j.st == 'dead' and 'dead' or 'work' end
  end
  return busy
end

-- Judges a target in work by what its jobs are.
local function judge_target(sweep, target, busy)
  local name = sweep .. '-' .. target
  if not busy and is_accepted(sweep, target) then
    if fault('target', name, 'it is accepted, and no job is about what follows; it goes without that') then
      settle(sweep, target, 'r')
      call('UNLINK', P .. 'rev:' .. name)
    end
  elseif busy == 'dead' then
    if fault('target', name, 'it is in work, and its jobs are dead') then settle(sweep, target, 'u') end
  elseif not busy then
    if fault('target', name, 'it is in work, and no job is about it; it is reviewed again') then
      -- From the beginning, so its attempts are counted from there.
      call('UNLINK', P .. 'att:' .. name)
      local s = call('HMGET', P .. 'sw:' .. sweep, 'lane', 'prio', 'max', 'head', 'tail')
      enqueue(first_job(sweep, target, s[1], s[2], s[3], s[4], s[5]))
    end
  end
end

-- Targets in work have a job, and no barrier holds back what it should let go.
-- ARGV[3]  sweep id; ARGV[4+] ordinals
function checks.targets()
  local sweep, busy = ARGV[3], nil
  if is_cancelled(sweep) then return end
  for i = 4, #ARGV do
    local target, opened = ARGV[i], false
    if call('GETRANGE', P .. 'st:' .. sweep, target, target) == 'l' then
      for _, ending in ipairs(endings_of(sweep)) do
        opened = mend_barrier(sweep, sweep .. '-' .. target .. ending) or opened
      end
      if not opened then
        busy = busy or busy_of(sweep)
        judge_target(sweep, target, busy[target])
      end
    end
  end
end

-- Work that could be taken, and nobody is woken for it. Whoever was woken takes the token first and
-- claims then, so this is a fault only when no claim came in between: the turn tells.
-- ARGV[3]  the turn of an earlier look, or '' for the first; ARGV[4+] pools with a limit: whether they have room
--          is known elsewhere, and workers that have none for them are not woken
function checks.wake()
  local turn = call('HGET', P .. 'turn', '*') or '0'
  out[1] = turn
  if ARGV[3] ~= '' and ARGV[3] ~= turn then return end
  -- One token may serve many lanes, so all are judged before the first is put back.
  local silent, limited = {}, {}
  for i = 4, #ARGV do limited[ARGV[i]] = true end
  for _, lane in ipairs(call('HKEYS', P .. 'ready')) do
    if not limited[pool_of(lane)] and call('SISMEMBER', P .. 'paused', 'lane:' .. lane) == 0 then
      local group = call('ZRANGE', P .. 'ring:' .. lane, 0, 0)[1]
      local sweep = group and string.sub(group, 3)
      local token = call('EXISTS', P .. 'wake') == 1 and call('EXISTS', P .. 'wake:' .. lane) == 1
      if sweep and not token and not is_cancelled(sweep)
        and call('SISMEMBER', P .. 'paused', 'sweep:' .. sweep) == 0 then
        silent[#silent + 1] = lane
      end
    end
  end
  for _, lane in ipairs(silent) do
    if fault('wake', lane, 'jobs are ready, and nobody is woken for them') then wake(lane) end
  end
end

checks[ARGV[1]]()
return out
