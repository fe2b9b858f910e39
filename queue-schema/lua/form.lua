-- form.lua: what no script can use: keys of another type than the key table says, values that are none. They
-- are set aside or put right one by one, and reconcile.lua finds a queue that it can read. Jobs that can't be
-- had any more are removed.
--
-- ARGV[1]  'scan' | 'types' | 'values' | 'members' | 'jobs' | 'sweep' | 'targets' | 'restart' | 'run' | 'rows' |
--          'unrowed'
-- ARGV[2]  '0' to tell only, '1' to mend what can be made anew, '2' to give up what can't as well
-- ARGV[3+] see each of them
-- Returns for each fault: kind, what it is about, what is wrong, '1' when it was mended. Before them for
-- 'scan', 'rows' and 'unrowed' where to go on.
local level = tonumber(ARGV[2])
local out = {}
local function fault(kind, what, message, needs)
  local mend = level >= (needs or 1)
  for _, word in ipairs({ kind, what, message, mend and '1' or '0' }) do out[#out + 1] = word end
  return mend
end
local SHOWN, MOST_FIELDS, MOST_MEMBERS = 40, 10000, 1000
local KEPT, AHEAD = 7 * 86400, 2 * 86400000 -- s that a key set aside is kept; ms, leases and delays are shorter
local UNSEEN = '[^\32-\126]'
local function byte(c) return string.format('\\x%02x', string.byte(c)) end
local function shown(value) return "'" .. string.gsub(string.sub(value, 1, SHOWN), UNSEEN, byte) .. "'" end
local function set_aside(name)
  call('RENAME', P .. name, P .. 'bad:' .. name)
  call('EXPIRE', P .. 'bad:' .. name, KEPT)
end
local function number(value, least, most)
  local n = value and string.match(value, '^%d+$') and tonumber(value)
  return n and n >= least and n <= most and n or nil
end
local MOST = 2 ^ 50 -- of anything that is counted

local checks = {}

-- One page of the keys of the server.
-- ARGV[3]  cursor; ARGV[4]  keys looked at; ARGV[5+] pairs of a name's beginning and its type
-- Returns after the cursor pairs: 'type' and a key of another type; 'name' and a key whose name is none, which
-- is removed; 'job' and a job that no index names; 'sweep' and a sweep that a key is about
function checks.scan()
  local types = {}
  for i = 5, #ARGV, 2 do types[ARGV[i]] = ARGV[i + 1] end
  local page = call('SCAN', ARGV[3], 'MATCH', P .. '*', 'COUNT', ARGV[4])
  out[1] = page[1]
  local function tell(word, name) out[#out + 1], out[#out + 2] = word, name end
  for _, key in ipairs(page[2]) do
    local name = string.sub(key, #P + 1)
    local head, rest = string.match(name, '^([^:]*:?)(.*)$')
    local odd = types[head] and string.find(name, UNSEEN)
    local is = types[head] and not odd and call('TYPE', key).ok
    if odd then
      tell('name', shown(name))
      if level > 0 then call('UNLINK', key) end
    elseif is and is ~= 'none' then
      if is ~= types[head] then
        tell('type', name)
      elseif head == 'sw:' or head == 'st:' or head == 'tg:' or head == 'rows:' then
        tell('sweep', string.match(rest, '[^:]*$'))
      elseif head == 'j:' then
        local listed = redis.pcall('SISMEMBER', P .. 'js:' .. (call('HGET', key, 's') or ''), rest)
        if listed == 0 then tell('job', rest) end
      end
    end
  end
end

-- ARGV[3+] for each key: what stands behind the tag, its type, what becomes of it, '2' when that gives up a sweep
function checks.types()
  for i = 3, #ARGV, 4 do
    local name, want = ARGV[i], ARGV[i + 1]
    local is = call('TYPE', P .. name).ok
    if is ~= 'none' and is ~= want then
      local message = 'it is a ' .. is .. ' and must be a ' .. want .. ': set aside; ' .. ARGV[i + 2]
      if fault('type', name, message, tonumber(ARGV[i + 3])) then set_aside(name) end
    end
  end
end

-- A hash of numbers by lane or pool.
local function numbers(name, least, most, after)
  local key, large = P .. name, 'it has more than ' .. MOST_FIELDS .. ' fields: set aside, and made anew'
  if call('HLEN', key) > MOST_FIELDS then return fault('value', name, large) and set_aside(name) end
  local all = call('HGETALL', key)
  for i = 1, #all, 2 do
    local field, value = all[i], all[i + 1]
    if not number(value, least, most) or string.find(field, '[^\33-\126]') then
      local message = 'it says ' .. shown(value) .. ' of ' .. shown(field) .. ', which is no number that it can have'
      if fault('value', name, message) then
        call('HDEL', key, field)
        if after then after(field) end
      end
    end
  end
end

-- A set by time: nothing in it lies far ahead.
local function times(name, mended)
  local far = call('ZRANGEBYSCORE', P .. name, '(' .. digits(NOW + AHEAD), '+inf', 'LIMIT', 0, MOST_MEMBERS)
  for _, id in ipairs(far) do
    if fault('value', name, shown(id) .. ' stands there at a time that is too far ahead') then mended(id) end
  end
end

-- The keys that a partition has once, those of its pools among them. They have their types.
-- ARGV[3]  length of a lease, ms; ARGV[4]  longest turn of upkeep, ms
function checks.values()
  numbers('ready', 0, MOST)
  numbers('leased', 0, MOST)
  numbers('limits', 1, 2 ^ 32 - 1, wake_pool)
  -- Whoever sees that a pool has no limit writes both.
  numbers('rates', 1, 2 ^ 32 - 1, function(pool) call('HDEL', P .. 'limits', pool) wake_pool(pool) end)
  -- Groups take their turns anew: reconcile.lua finds that they have none.
  numbers('turn', 0, PRIORITY_STEP - 1, function(lane) call('UNLINK', P .. 'ring:' .. lane) end)
  local function at(name, score) return function(id) call('ZADD', P .. name, score, id) end end
  times('leases', at('leases', NOW + tonumber(ARGV[3])))
  for _, name in ipairs({ 'delayed', 'dead', 'sweeps', 'forgetting' }) do times(name, at(name, NOW)) end
  times('workers', function(id) call('ZREM', P .. 'workers', id) end)
  for _, pool in ipairs(call('HKEYS', P .. 'limits')) do
    local name = 'permits:' .. pool
    if call('TYPE', P .. name).ok == 'zset' then times(name, function(id) call('ZREM', P .. name, id) end) end
  end
  for _, member in ipairs(call('SMEMBERS', P .. 'paused')) do
    if string.find(member, UNSEEN) or not (string.find(member, '^lane:.') or string.find(member, '^sweep:.')) then
      if fault('value', 'paused', shown(member) .. ' is neither a lane nor a sweep') then call('SREM', P .. 'paused', member) end
    end
  end
  for _, sweep in ipairs(call('SMEMBERS', P .. 'cancelled')) do
    local state = redis.pcall('HGET', P .. 'sw:' .. sweep, 'state')
    local open = state == 'running' or state == 'planning'
    local gone = not state and not call('ZSCORE', P .. 'forgetting', sweep) and call('EXISTS', P .. 'js:' .. sweep) == 0
    if open or gone then
      local why = open and ' is ' .. state .. ' by its record' or ' is no sweep'
      if fault('value', 'cancelled', shown(sweep) .. why) then call('SREM', P .. 'cancelled', sweep) end
    end
  end
  local left = call('PTTL', P .. 'upkeep')
  if left == -1 or left > tonumber(ARGV[4]) then
    if fault('value', 'upkeep', 'it does not end in time: nobody looked after the partition') then call('UNLINK', P .. 'upkeep') end
  end
  if call('LLEN', P .. 'wake') > 1 then
    if fault('value', 'wake', 'it has more than one token') then call('LTRIM', P .. 'wake', 0, 0) end
  end
end

-- What can be no id.
-- ARGV[3]  key; ARGV[4]  its type; ARGV[5+] members
function checks.members()
  local command = ({ zset = 'ZREM', set = 'SREM' })[ARGV[4]]
  for i = 5, #ARGV do
    if fault('value', ARGV[3], shown(ARGV[i]) .. ' is no name that it can hold') then
      if command then call(command, P .. ARGV[3], ARGV[i]) else call('LREM', P .. ARGV[3], 0, ARGV[i]) end
    end
  end
end

-- A job leaves every place that it may be in; the counters of its lane are judged after this. What its record
-- does not name is found by reconcile.lua: it has no record then.
local function drop(id, j, sweep)
  if j.l and j.p then call('LREM', P .. 'q:' .. j.l .. ':' .. j.p .. '|' .. sweep, 0, id) end
  for _, set in ipairs({ 'leases', 'delayed', 'dead' }) do call('ZREM', P .. set, id) end
  call('SREM', P .. 'dt:' .. sweep .. ':' .. j.g, id)
  remove(id, sweep)
end

-- A dead letter leaves only by a person's word.
local function drop_of(sweep, fits)
  for _, id in ipairs(call('SMEMBERS', P .. 'js:' .. sweep)) do
    local j = look(id, 'st', 'l', 'p', 's', 'g')
    if (j.st ~= 'dead' or level > 1) and fits(id, j) then drop(id, j, sweep) end
  end
end

-- Why a record can't be that of a job; nil when it can. An id says which target its job is about.
local function unfit(id, j, sweep)
  if call('EXISTS', P .. 'b:' .. id) == 0 then return 'it has no body' end
  if not j.st or string.find(j.st, UNSEEN) then return 'its record names no state' end
  if not j.l or string.find(j.l, '[^\33-\126]') or not number(j.p, 0, 2) then
    return 'its record does not say where it belongs'
  end
  if sweep == '' then return nil end
  if j.s ~= sweep then return 'its record names another sweep' end
  local own = string.sub(id, 1, #sweep + 1) == sweep .. '-' and string.match(id, '^(%d+)%.', #sweep + 2)
  if (own or j.g ~= '') and not (number(j.g, 0, MOST) and (not own or own == j.g)) then
    return 'its record names another target'
  end
end

-- Records of jobs.
-- ARGV[3]  sweep whose index names them, '' for those that none names; ARGV[4+] job ids
function checks.jobs()
  local sweep = ARGV[3]
  for i = 4, #ARGV do
    local id = ARGV[i]
    local key = P .. 'j:' .. id
    local j = look(id, 'st', 'l', 'p', 's', 'g', 'a', 'c', 'm', 'e')
    local why = call('EXISTS', key) == 1 and unfit(id, j, sweep)
    if call('EXISTS', key) == 0 then
      if call('SISMEMBER', P .. 'js:' .. sweep, id) == 1 then
        if fault('index', id, 'the jobs of its sweep name it, and it has no record') then call('SREM', P .. 'js:' .. sweep, id) end
      end
    elseif why then
      if fault('job', id, why .. ': removed', j.st == 'dead' and 2 or 1) then drop(id, j, sweep ~= '' and sweep or j.s) end
    else
      for name, instead in pairs({ a = 0, c = 0, m = 1, e = digits(NOW) }) do
        if not number(j[name], 0, MOST) then
          local message = 'its record says ' .. shown(j[name] or '') .. ' as ' .. name .. ', which is no number'
          if fault('value', id, message) then call('HSET', key, name, instead) end
        end
      end
    end
  end
end

-- A review begins again: reconcile.lua finds that no job is about its target.
-- ARGV[3+] pairs of sweep and target
function checks.restart()
  for i = 3, #ARGV, 2 do
    local sweep, target = ARGV[i], ARGV[i + 1]
    local review = sweep .. '-' .. target
    call('UNLINK', P .. 'rev:' .. review, P .. 'att:' .. review, P .. 'bar:' .. review .. '.shards', P .. 'barm:' .. review .. '.shards')
    drop_of(sweep, function(_, j) return j.g == target end)
  end
end

-- Whether a job is one of a run of the applier.
local function is_of_run(id, sweep, run)
  local patch = sweep .. '.patch.' .. run .. '.'
  return id == sweep .. '.apply.' .. run or string.sub(id, 1, #patch) == patch
end

local function forget_run(sweep, run)
  local name = sweep .. '.' .. run
  call('UNLINK', P .. 'ap:' .. name, P .. 'bar:' .. name, P .. 'barm:' .. name)
  call('LREM', P .. 'aps:' .. sweep, 0, run)
  drop_of(sweep, function(id) return is_of_run(id, sweep, run) end)
end

-- A run of the applier is forgotten.
-- ARGV[3]  sweep; ARGV[4]  run
function checks.run() forget_run(ARGV[3], ARGV[4]) end

-- Statuses that are none, from what else is known of the targets. Returns how many.
local function restate(sweep, codes, total)
  local work = {}
  for _, id in ipairs(call('SMEMBERS', P .. 'js:' .. sweep)) do
    local j = look(id, 'st', 'g')
    if j.st and j.g ~= '' and work[j.g] ~= 'l' then work[j.g] = j.st == 'dead' and 'u' or 'l' end
  end
  local all, n = {}, 0
  for k = 0, total - 1 do
    local code = string.match(string.sub(codes, k + 1, k + 1), '^[qlrusxb]$')
    if not code then
      n = n + 1
      code = work[tostring(k)]
      if is_accepted(sweep, k) and code ~= 'l' then code = 'r' end
      if not code and string.find(call('HGET', P .. 'tg:' .. sweep, k) or '', '"skip":"', 1, true) then code = 's' end
      code = code or is_cancelled(sweep) and 'x' or 'q'
    end
    all[k + 1] = code
  end
  return n, table.concat(all)
end

local STATES = { planning = true, running = true, done = true, failed = true, cancelled = true }
-- Counters of a sweep; those of its targets are counted anew by reconcile.lua.
local COUNTERS = { 'calls', 'tokens_in', 'tokens_out', 'tokens_guessed', 'cost_micro_usd', 'attempts', 'facts',
  'facts_failed', 'idle', 'forgotten', 'cap:degrade', 'cap:stop', 'res:calls', 'res:tokens', 'res:micro_usd' }

-- Fields that a record lacks, or that hold what they can't.
local function mend_fields(sweep, s, spec)
  local sk, what = P .. 'sw:' .. sweep, 'sweep ' .. sweep
  local function wrong(name, instead, note)
    local message = 'its record says ' .. shown(s[name] or '') .. ' as ' .. name .. (note or '')
    s[name] = instead
    if fault('value', what, message) then
      if instead then call('HSET', sk, name, instead) else call('HDEL', sk, name) end
    end
  end
  local open = s.state == 'planning' or s.state == 'running'
  if not STATES[s.state or ''] then
    wrong('state', is_cancelled(sweep) and 'cancelled' or s.planned == '0' and 'planning' or 'running')
  end
  if not number(s.planned, 0, 1) then wrong('planned', s.state == 'planning' and '0' or '1') end
  for name, instead in pairs(spec) do
    if not s[name] or s[name] == '' then wrong(name, instead) end
  end
  for _, name in ipairs({ 'window', 'max' }) do
    if not number(s[name], 1, 2 ^ 32) then wrong(name, spec[name]) end
  end
  if not number(s.prio, 0, 2) then wrong('prio', '1') end
  for _, name in ipairs({ 'total', 'cursor', 'n:q', 'n:l', 'n:r', 'n:u', 'n:s', 'n:x', 'n:b' }) do
    if not number(s[name], 0, MOST) then wrong(name, '0') end
  end
  if not number(s.created, 0, NOW + AHEAD) then wrong('created', digits(NOW)) end
  if s.ended and not number(s.ended, 0, NOW + AHEAD) then wrong('ended', not open and digits(NOW) or nil) end
  for _, name in ipairs(COUNTERS) do
    if s[name] and not number(s[name], 0, MOST) then wrong(name, nil, ': counted from 0') end
  end
  for name, spent in pairs({ ['cap:calls'] = s.calls, ['cap:tokens'] = s.tokens_in, ['cap:micro_usd'] = s.cost_micro_usd }) do
    if s[name] and not number(s[name], 0, MOST) then
      wrong(name, digits(math.max(1, number(spent, 0, MOST) or 0)), ': it spends no more until it is asked for with a budget')
    end
  end
end

-- Runs of the applier that nobody works on.
local function mend_runs(sweep)
  local jobs
  for _, run in ipairs(call('LRANGE', P .. 'aps:' .. sweep, 0, MOST_MEMBERS)) do
    local name = P .. 'ap:' .. sweep .. '.' .. run
    local r = redis.pcall('HMGET', name, 'spec', 'ended')
    local busy = r[2]
    if r[1] and not busy then
      jobs = jobs or call('SMEMBERS', P .. 'js:' .. sweep)
      for _, id in ipairs(jobs) do busy = busy or is_of_run(id, sweep, run) end
    end
    if not (r[1] and busy) then
      local message = 'no job is about run ' .. shown(run) .. ' of the applier: removed; scrum apply starts it anew'
      if fault('run', 'sweep ' .. sweep, message) then forget_run(sweep, run) end
    end
  end
end

-- The record of a sweep.
-- ARGV[3]  sweep; ARGV[4]  '1' when its request can be read, and then what admits its targets: ARGV[5]  lane,
--          ARGV[6], ARGV[7]  body before and after the ordinal, ARGV[8]  window, ARGV[9]  attempts
function checks.sweep()
  local sweep = ARGV[3]
  local sk, what = P .. 'sw:' .. sweep, 'sweep ' .. sweep
  local st, tg = P .. 'st:' .. sweep, P .. 'tg:' .. sweep
  local listed = call('ZSCORE', P .. 'sweeps', sweep)
  if call('ZSCORE', P .. 'forgetting', sweep) then return end
  local here = call('EXISTS', sk) == 1
  if not here and not listed and call('EXISTS', st, tg) == 0 then return end
  local total = here and number(call('HGET', sk, 'total'), 0, MOST)
  local lacks = not here and 'it has no record' or ARGV[4] ~= '1' and "its request can't be read"
    or (total or 0) > 0 and call('EXISTS', tg) == 0 and 'its targets are gone'
  if lacks then
    local jobs = call('SCARD', P .. 'js:' .. sweep)
    local empty = not here and jobs == 0 and call('EXISTS', st, tg) == 0
    local message = lacks .. ': it is lost with ' .. jobs .. ' jobs, and forgotten; the same scrum sweep makes it anew'
    if fault('sweep', what, message, empty and 1 or 2) then
      call('ZREM', P .. 'sweeps', sweep)
      call('ZADD', P .. 'forgetting', NOW, sweep)
      call('SADD', P .. 'cancelled', sweep)
    end
    return
  end
  local fields, s = call('HGETALL', sk), {}
  for i = 1, #fields, 2 do s[fields[i]] = fields[i + 1] end
  mend_fields(sweep, s, { lane = ARGV[5], head = ARGV[6], tail = ARGV[7], window = ARGV[8], max = ARGV[9] })
  if not listed and fault('index', what, 'no list of sweeps names it') then
    call('ZADD', P .. (s.forgotten and 'forgetting' or 'sweeps'), number(s.created, 0, MOST) or NOW, sweep)
  end
  if s.state == 'cancelled' and call('SISMEMBER', P .. 'cancelled', sweep) == 0 then
    if fault('index', what, 'it was cancelled, and the cancelled ones lack it') then call('SADD', P .. 'cancelled', sweep) end
  end
  local codes, targets = call('GET', st) or '', call('HLEN', tg)
  local wanted = (total == #codes or targets == #codes) and #codes or targets
  if wanted ~= #codes or string.find(codes, '[^qlrusxb]') then
    local n, all = restate(sweep, codes, wanted)
    if fault('value', what, n .. ' of its targets have no status: found from their jobs and rows') then
      call('SET', st, all)
      for code in string.gmatch('qlrusxb', '.') do
        call('HSET', sk, 'n:' .. code, select(2, string.gsub(all, code, '')))
      end
      call('HSET', sk, 'total', wanted, 'cursor', 0)
      admit(sweep)
      judge_sweep(sweep)
    end
  end
  if s.state == 'planning' then
    local plan
    for _, id in ipairs(call('SMEMBERS', P .. 'js:' .. sweep)) do
      local j = look(id, 'st', 'l')
      if j.l == 'plan' and j.st ~= 'dead' then plan = id end
    end
    -- The caller plans it on.
    if not plan and fault('plan', sweep, 'it is being planned, and no job does that: planned on from where it was') then
      call('HSET', sk, 'state', 'failed', 'error', 'its plan job was lost', 'ended', NOW)
    end
  end
  mend_runs(sweep)
end

-- Targets whose record can't be read: they are skipped, and say so.
-- ARGV[3]  sweep; ARGV[4+] pairs of ordinal and a record to stand instead
function checks.targets()
  local sweep = ARGV[3]
  for i = 4, #ARGV, 2 do
    local target = ARGV[i]
    if fault('value', sweep .. '-' .. target, "its record can't be read: skipped, unless it was reviewed") then
      call('HSET', P .. 'tg:' .. sweep, target, ARGV[i + 1])
      local code = call('GETRANGE', P .. 'st:' .. sweep, target, target)
      if code == 'q' or code == 'l' then
        drop_of(sweep, function(_, j) return j.g == target end)
        settle(sweep, target, 's')
      end
    end
  end
end

-- One page of rows, and the index that makes each of them unique.
-- ARGV[3]  stream; ARGV[4]  sweep; ARGV[5]  entry to begin at; ARGV[6]  entries looked at
function checks.rows()
  local stream, index = P .. 'rows:' .. ARGV[3] .. ':' .. ARGV[4], P .. 'rowid:' .. ARGV[3] .. ':' .. ARGV[4]
  local page = call('XRANGE', stream, ARGV[5], '+', 'COUNT', ARGV[6])
  out[1] = #page > 0 and '(' .. page[#page][1] or ''
  for _, entry in ipairs(page) do
    local e = {}
    for k = 1, #entry[2], 2 do e[entry[2][k]] = entry[2][k + 1] end
    local of = e.id and call('HGET', index, e.id)
    if not (e.id and e.row and pcall(cjson.decode, (string.gsub(e.row, '\n#%x+$', '')))) or (of and of ~= entry[1]) then
      if fault('value', 'rows:' .. ARGV[3] .. ':' .. ARGV[4], 'entry ' .. entry[1] .. ' is no row: removed') then
        call('XDEL', stream, entry[1])
      end
    elseif not of then
      if fault('index', e.id, 'the index of its rows lacks it') then call('HSET', index, e.id, entry[1]) end
    end
  end
end

-- One page of an index of rows: what it names and is not there. A review without its row is done again.
-- ARGV[3]  stream; ARGV[4]  sweep; ARGV[5]  cursor; ARGV[6]  fields looked at
function checks.unrowed()
  local stream, sweep = ARGV[3], ARGV[4]
  local index = P .. 'rowid:' .. stream .. ':' .. sweep
  local page = call('HSCAN', index, ARGV[5], 'COUNT', ARGV[6])
  out[1] = page[1]
  for i = 1, #page[2], 2 do
    local id, entry = page[2][i], page[2][i + 1]
    local found = redis.pcall('XRANGE', P .. 'rows:' .. stream .. ':' .. sweep, entry, entry)
    if found.err or #found == 0 then
      local own = stream == 'scrum_reviews' and string.sub(id, 1, #sweep + 1) == sweep .. '-'
      local target = own and number(string.sub(id, #sweep + 2), 0, MOST)
      local again = target and call('GETRANGE', P .. 'st:' .. sweep, target, target) == 'r'
      if fault('value', id, 'its row is gone' .. (again and ': it is reviewed again' or '')) then
        call('HDEL', index, id)
        if again then
          local sk = P .. 'sw:' .. sweep
          call('HSET', sk, 'cursor', math.min(target, number(call('HGET', sk, 'cursor'), 0, MOST) or 0))
          settle(sweep, target, is_cancelled(sweep) and 'x' or 'q')
          admit(sweep)
        end
      end
    end
  end
end

checks[ARGV[1]]()
return out
