-- form.lua: finds keys of the wrong type and values that no script can use. It sets them aside or mends them, so
-- that reconcile.lua finds a queue that it can read. Jobs that can't be restored are removed. The checks of sweeps
-- are in form_sweep.lua, which is the second half of this script.
--
-- ARGV[1]  'scan' | 'types' | 'values' | 'members' | 'jobs' | 'restart' | 'run', or one of form_sweep.lua
-- ARGV[2]  '0' to report only, '1' to mend what can be made anew, '2' to give up the rest as well
-- ARGV[3+] see each check
-- Returns for each fault: kind, what it is about, what is wrong, '1' if it was mended. 'scan', 'rows' and 'unrowed'
-- return the position of the next page before them.
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
-- Returns after the cursor pairs: 'type' and a key of the wrong type; 'name' and a key with an invalid name, which
-- is removed; 'job' and a job that no index names; 'sweep' and a sweep that a key is about
function checks.scan()
  local types = {}
  for i = 5, #ARGV, 2 do types[ARGV[i]] = ARGV[i + 1] end
  local page = call('SCAN', ARGV[3], 'MATCH', P .. '*', 'COUNT', ARGV[4])
  out[1] = page[1]
  local function add_pair(word, name) out[#out + 1], out[#out + 2] = word, name end
  for _, key in ipairs(page[2]) do
    local name = string.sub(key, #P + 1)
    local head, rest = string.match(name, '^([^:]*:?)(.*)$')
    local odd = types[head] and string.find(name, UNSEEN)
    local is = types[head] and not odd and call('TYPE', key).ok
    if odd then
      add_pair('name', shown(name))
      if level > 0 then call('UNLINK', key) end
    elseif is and is ~= 'none' then
      if is ~= types[head] then
        add_pair('type', name)
      elseif head == 'sw:' or head == 'st:' or head == 'tg:' or head == 'rows:' then
        add_pair('sweep', string.match(rest, '[^:]*$'))
      elseif head == 'j:' then
        local listed = redis.pcall('SISMEMBER', P .. 'js:' .. (call('HGET', key, 's') or ''), rest)
        if listed == 0 then add_pair('job', rest) end
      end
    end
  end
end

-- ARGV[3+] for each key: its name behind the tag, its type, what mending does, '2' if that gives up a sweep
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

-- A sorted set by time: no time lies far ahead.
local function times(name, mended)
  local far = call('ZRANGEBYSCORE', P .. name, '(' .. digits(NOW + AHEAD), '+inf', 'LIMIT', 0, MOST_MEMBERS)
  for _, id in ipairs(far) do
    if fault('value', name, shown(id) .. ' stands there at a time that is too far ahead') then mended(id) end
  end
end

-- The keys that a partition has once, and those of its pools. Their types are right.
-- ARGV[3]  length of a lease, ms; ARGV[4]  longest turn of upkeep, ms
function checks.values()
  numbers('ready', 0, MOST)
  numbers('leased', 0, MOST)
  numbers('limits', 1, 2 ^ 32 - 1, wake_pool)
  -- A worker that finds no limit for its pool writes both.
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

-- Removes members that can't be ids.
-- ARGV[3]  key; ARGV[4]  its type; ARGV[5+] members
function checks.members()
  local command = ({ zset = 'ZREM', set = 'SREM' })[ARGV[4]]
  for i = 5, #ARGV do
    if fault('value', ARGV[3], shown(ARGV[i]) .. ' is no name that it can hold') then
      if command then call(command, P .. ARGV[3], ARGV[i]) else call('LREM', P .. ARGV[3], 0, ARGV[i]) end
    end
  end
end

-- Removes a job from every place that its record names; reconcile.lua finds it elsewhere and checks the counters.
local function drop(id, j, sweep)
  if j.l and j.p then call('LREM', P .. 'q:' .. j.l .. ':' .. j.p .. '|' .. sweep, 0, id) end
  for _, set in ipairs({ 'leases', 'delayed', 'dead' }) do call('ZREM', P .. set, id) end
  call('SREM', P .. 'dt:' .. sweep .. ':' .. j.g, id)
  remove(id, sweep)
end

-- Removes jobs of a sweep; a dead letter only if a person asks.
local function drop_of(sweep, fits)
  for _, id in ipairs(call('SMEMBERS', P .. 'js:' .. sweep)) do
    local j = look(id, 'st', 'l', 'p', 's', 'g')
    if (j.st ~= 'dead' or level > 1) and fits(id, j) then drop(id, j, sweep) end
  end
end

-- Why a record can't be that of a job; nil if it can. An id names the target of its job.
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
-- ARGV[3]  sweep whose index names them, '' for none; ARGV[4+] job ids
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

-- Begins a review again: reconcile.lua finds that there is no job for its target.
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

-- Forgets a run of the applier.
-- ARGV[3]  sweep; ARGV[4]  run
function checks.run() forget_run(ARGV[3], ARGV[4]) end
