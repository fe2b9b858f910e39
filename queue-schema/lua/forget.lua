-- forget.lua: Ready | Delayed | Leased | Dead -> Absent for all jobs of a sweep that is over, and with
-- them goes all that is kept of it. Bounded work a call: it is called until nothing is left, by
-- whoever; a commit that still comes is stale.
--
-- ARGV[1]  sweep id
-- ARGV[2]  jobs, or targets, removed at most; up to 1000
-- ARGV[3]  '' by a person's word; else ms since its end at least, and then it may have no jobs left,
--          dead ones neither
-- ARGV[4]  beginnings of keys whose names end with the sweep, with spaces between
-- ARGV[5+] streams of rows
-- Returns { 1 forgotten | 2 there is more | 0 no such sweep | -1 not over | -2 not due, jobs removed }
-- @include leases
-- @include jobs
-- @include gathered
local sweep, left = ARGV[1], tonumber(ARGV[2])
local sk, index = P .. 'sw:' .. sweep, P .. 'js:' .. sweep

if not call('ZSCORE', P .. 'forgetting', sweep) then
  local s = call('HMGET', sk, 'state', 'ended')
  if not s[1] or not call('ZSCORE', P .. 'sweeps', sweep) then return { 0, 0 } end
  if s[1] == 'planning' or s[1] == 'running' then return { -1, 0 } end
  if ARGV[3] ~= '' then
    local age = NOW - (tonumber(s[2] or NOW) or NOW)
    if age < tonumber(ARGV[3]) or call('EXISTS', index) == 1 then return { -2, 0 } end
  end
  -- From here on nobody sees it, and none of its jobs is claimed or put back.
  call('ZREM', P .. 'sweeps', sweep)
  call('ZADD', P .. 'forgetting', NOW, sweep)
  call('SADD', P .. 'cancelled', sweep)
end

-- Ready jobs list by list: taking them out one by one would cost a walk of the list each.
local n = 0
for _, lane in ipairs(call('HKEYS', P .. 'turn')) do
  for prio = 0, 2 do
    local group = prio .. '|' .. sweep
    local list = P .. 'q:' .. lane .. ':' .. group
    local ids = left > 0 and call('LPOP', list, left) or {}
    if #ids > 0 then
      for _, id in ipairs(ids) do remove(id, sweep) end
      if add(P .. 'ready', lane, -#ids) <= 0 then call('HDEL', P .. 'ready', lane) end
      left, n = left - #ids, n + #ids
    end
    if call('EXISTS', list) == 0 then call('ZREM', P .. 'ring:' .. lane, group) end
  end
end
if left <= 0 then return { 2, n } end
remove_now() -- the index must not name them any more

for _, id in ipairs(call('SPOP', index, left)) do
  local j = call('HMGET', P .. 'j:' .. id, 'st', 'l', 'g')
  if j[1] == 'leased' then unlease(id) end
  call('ZREM', P .. 'delayed', id)
  call('ZREM', P .. 'dead', id)
  call('SREM', P .. 'dt:' .. sweep .. ':' .. (j[3] or ''), id)
  remove(id, sweep)
  left, n = left - 1, n + 1
end
if left <= 0 or call('EXISTS', index) == 1 then return { 2, n } end

-- What targets have left.
local s = call('HMGET', sk, 'forgotten', 'documents')
-- Targets say how many they are: a number in a record may be any.
local total, from = call('STRLEN', P .. 'st:' .. sweep), math.max(0, tonumber(s[1] or 0) or 0)
local to = math.min(from + left, total)
local keys = {}
for target = from, to - 1 do
  gathered(keys, sweep, target, true)
end
in_parts(keys, function(...) call('UNLINK', ...) end)
call('HSET', sk, 'forgotten', to)
if to < total then return { 2, n } end

-- The large keys: the server takes them apart in a thread of its own.
for document in string.gmatch(s[2] or '', '%S+') do
  call('SREM', P .. 'users:' .. document, sweep)
  if call('EXISTS', P .. 'users:' .. document) == 0 then call('UNLINK', P .. document) end
end
for i = 5, #ARGV do
  call('UNLINK', P .. 'rows:' .. ARGV[i] .. ':' .. sweep, P .. 'rowid:' .. ARGV[i] .. ':' .. sweep)
end
for _, run in ipairs(call('LRANGE', P .. 'aps:' .. sweep, 0, -1)) do
  local name = sweep .. '.' .. run
  call('UNLINK', P .. 'ap:' .. name, P .. 'bar:' .. name, P .. 'barm:' .. name)
end
for beginning in string.gmatch(ARGV[4], '%S+') do call('UNLINK', P .. beginning .. sweep) end
call('SREM', P .. 'paused', 'sweep:' .. sweep)
call('SREM', P .. 'cancelled', sweep)
call('ZREM', P .. 'forgetting', sweep)
return { 1, n }
