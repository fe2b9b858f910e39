-- create_sweep.lua: record a sweep and enqueue its first job, or find the one that is there. With
-- another budget than before, targets that the old one left out wait again.
--
-- ARGV[1]  sweep id
-- ARGV[2]  spec, JSON
-- ARGV[3]  admission window
-- ARGV[4..8]  of a target's first job: lane, body before and after the ordinal, attempts, priority
-- ARGV[9..11]  caps in calls, tokens, millionths of a dollar: '' for what a sweep that is there has;
--          0 for none
-- ARGV[12..14]  the same for a new sweep of which nothing is said
-- ARGV[15], ARGV[16]  percent of a cap from which on it degrades, and from which on it stops
-- ARGV[17] stream whose row makes a target accepted
-- ARGV[18] number of documents, then per document: key suffix, content
-- then     the job that lists its targets in the flat form of NewJob::encode, and perhaps another one, which is enqueued
--          whenever the sweep is done
-- Returns { 1 when it is new, 0 when it was there, 2 when what is left of it is being forgotten;
--          targets that wait again }.
-- @include targets
local sweep = ARGV[1]
local sk = P .. 'sw:' .. sweep

-- Writes the caps; true when one has changed.
local function set_caps(new)
  local changed = false
  for k, name in ipairs({ 'calls', 'tokens', 'micro_usd' }) do
    local asked = ARGV[8 + k]
    if asked == '' and new then asked = ARGV[11 + k] end
    if asked ~= '' and asked ~= (call('HGET', sk, 'cap:' .. name) or '0') then
      changed = true
      if asked == '0' then call('HDEL', sk, 'cap:' .. name) else call('HSET', sk, 'cap:' .. name, asked) end
    end
  end
  if changed then call('HSET', sk, 'cap:degrade', ARGV[15], 'cap:stop', ARGV[16]) end
  return changed
end

-- Left out -> waiting, from the beginning: whatever was answered is kept, and costs nothing twice.
local function put_back()
  if call('HGET', sk, 'n:b') == '0' or is_stopped(sweep, 0) then return 0 end
  local codes = call('GET', P .. 'st:' .. sweep) or ''
  for _, target in ipairs(call('HKEYS', P .. 'left:' .. sweep)) do
    if string.sub(codes, target + 1, target + 1) == 'b' then
      drop_gathered(sweep, target, true)
    end
  end
  call('UNLINK', P .. 'left:' .. sweep)
  local first = string.find(codes, 'b', 1, true)
  local n = recode(sweep, 'b', 'q')
  if n > 0 then
    call('HSET', sk, 'cursor', math.min(first - 1, tonumber(call('HGET', sk, 'cursor')) or 0))
    judge_sweep(sweep)
  end
  return n
end

if call('ZSCORE', P .. 'forgetting', sweep) then return { 2, 0 } end
if call('EXISTS', sk) == 1 then
  if is_cancelled(sweep) or not set_caps(false) then return { 0, 0 } end
  local n = put_back()
  go_on(sweep)
  return { 0, n }
end
call('HSET', sk, 'spec', ARGV[2], 'state', 'planning', 'created', NOW, 'window', ARGV[3],
  'lane', ARGV[4], 'head', ARGV[5], 'tail', ARGV[6], 'max', ARGV[7], 'prio', ARGV[8],
  'planned', '0', 'total', 0, 'cursor', 0,
  'n:q', 0, 'n:l', 0, 'n:r', 0, 'n:u', 0, 'n:s', 0, 'n:x', 0, 'n:b', 0)
set_caps(true)
call('ZADD', P .. 'sweeps', NOW, sweep)
local i, documents = 19, {}
for k = 1, tonumber(ARGV[18]) do
  call('SET', P .. ARGV[i], ARGV[i + 1])
  -- Sweeps share documents: one goes with the last sweep that has it.
  call('SADD', P .. 'users:' .. ARGV[i], sweep)
  documents[k] = ARGV[i]
  i = i + 2
end
if #documents > 0 then call('HSET', sk, 'documents', table.concat(documents, ' ')) end
local first, last
first, i = read_job(i)
call('HSET', sk, 'lister', first.lane, 'accepts', ARGV[17])
if ARGV[i] then
  last = read_job(i)
  call('HSET', sk, 'last:id', last.id, 'last:lane', last.lane, 'last:max', last.max, 'last:body', last.body)
end
enqueue(first)
return { 1, 0 }
