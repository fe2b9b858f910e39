-- check_sweeps.lua: the record of a sweep and those of its targets.
--
-- ARGV[1]  'sweep' | 'targets'
-- ARGV[2]  how far mending goes, see check.lua
-- ARGV[3+] see each check
-- Returns as check.lua says
-- @include check
-- @include targets

-- Replaces invalid statuses by what is known of the targets. Returns how many.
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
local COUNTERS = { 'idle', 'forgotten', 'cap:degrade', 'cap:stop', 'res:calls', 'res:tokens', 'res:micro_usd' }

-- Mends fields that are missing or invalid.
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
  for name in string.gmatch(ARGV[12], '%S+') do COUNTERS[#COUNTERS + 1] = name end
  for _, name in ipairs(COUNTERS) do
    if s[name] and not number(s[name], 0, MOST) then wrong(name, nil, ': counted from 0') end
  end
  for name, spent in pairs({ ['cap:calls'] = s.calls, ['cap:tokens'] = s.tokens_in, ['cap:micro_usd'] = s.cost_micro_usd }) do
    if s[name] and not number(s[name], 0, MOST) then
      wrong(name, digits(math.max(1, number(spent, 0, MOST) or 0)), ': it spends no more until it is asked for with a budget')
    end
  end
end

-- Removes runs without a job.
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
      local message = 'no job is about run ' .. shown(run) .. ': removed; the same command starts it anew'
      if fault('run', 'sweep ' .. sweep, message) then forget_run(sweep, run) end
    end
  end
end

-- The record of a sweep.
-- ARGV[3]  sweep; ARGV[4]  '1' when its request can be read, and then what admits its targets: ARGV[5]  lane,
--          ARGV[6], ARGV[7]  body before and after the ordinal, ARGV[8]  window, ARGV[9]  attempts, ARGV[10]  the
--          lane of what lists its targets, ARGV[11]  the stream whose row makes a target accepted, ARGV[12]  what it counts,
--          ARGV[13]  endings of its targets' barriers, ARGV[14] to ARGV[17]  id, lane, attempts and body of the job that
--          follows its end, where there is one
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
  -- An older version did not write them.
  if level > 0 and not s.accepts then
    call('HSET', sk, 'lister', ARGV[10], 'accepts', ARGV[11], 'bars', ARGV[13])
  end
  mend_fields(sweep, s, { lane = ARGV[5], head = ARGV[6], tail = ARGV[7], window = ARGV[8], max = ARGV[9],
    ['last:id'] = ARGV[14], ['last:lane'] = ARGV[15], ['last:max'] = ARGV[16], ['last:body'] = ARGV[17] })
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
      go_on(sweep)
    end
  end
  if s.state == 'planning' then
    local listed
    for _, id in ipairs(call('SMEMBERS', P .. 'js:' .. sweep)) do
      local j = look(id, 'st', 'l')
      if j.l == ARGV[10] and j.st ~= 'dead' then listed = true end
    end
    -- The caller continues its planning.
    if not listed and fault('unlisted', sweep, 'it is being planned, and no job does that: planned on from where it was') then
      call('HSET', sk, 'state', 'failed', 'error', 'the job that listed its targets was lost', 'ended', NOW)
    end
  end
  mend_runs(sweep)
end

-- Targets whose record can't be read are skipped, with the reason.
-- ARGV[3]  sweep; ARGV[4+] pairs of ordinal and replacement
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

checks[ARGV[1]]()
return out
