-- check_keys.lua: types and names of keys, and the values of those that a partition has once or that belong to its
-- pools.
--
-- ARGV[1]  'scan' | 'types' | 'values' | 'members'
-- ARGV[2]  how far mending goes, see check.lua
-- ARGV[3+] see each check
-- Returns as check.lua says; 'scan' returns the position of the next page before the faults
-- @include lanes
-- @include check

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
  -- Groups take their turns anew: reconcile.lua finds that they have none.
  numbers('turn', 0, PRIORITY_STEP - 1, function(lane) call('UNLINK', P .. 'ring:' .. lane) end)
  local function at(name, score) return function(id) call('ZADD', P .. name, score, id) end end
  times('leases', at('leases', NOW + tonumber(ARGV[3])))
  for _, name in ipairs({ 'delayed', 'dead', 'sweeps', 'forgetting' }) do times(name, at(name, NOW)) end
  times('workers', function(id) call('ZREM', P .. 'workers', id) end)
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

checks[ARGV[1]]()
return out
