-- lanes.lua: ready jobs wait in lanes, and the groups of a lane take turns.
-- @include base

local PRIORITY_STEP = 35184372088832 -- 2^45: a lane's turns stay below it for ever

-- The pool of a lane: calls for "rung:ollama" and "shard:ollama" are counted together, as those of "ollama".
local function pool_of(lane)
  return string.match(lane, ':(.+)$') or lane
end

-- Wake at most one idle worker a lane and call; whoever wakes passes it on if work is left.
-- Some workers serve all lanes, some all of a kind, because nobody knows their pools beforehand.
local woken = {}
local function wake(lane)
  if woken[lane] then return end
  woken[lane] = true
  local keys, kind = { P .. 'wake:' .. lane }, string.match(lane, '^[^:]+:')
  if not woken['*'] then keys[#keys + 1] = P .. 'wake' end
  if kind and not woken[kind] then keys[#keys + 1] = P .. 'wake:' .. kind .. '*' end
  woken['*'] = true
  if kind then woken[kind] = true end
  local there = call('EXISTS', unpack(keys))
  if there == #keys then return end
  for _, key in ipairs(keys) do
    if there == 0 then call('RPUSH', key, '1') else token(key) end
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

table.insert(at_end, function()
  local ready, failed = made_ready, nil
  made_ready = {}
  local function line_up(jobs)
    local length
    in_parts(jobs, function(...) length = call('RPUSH', P .. 'q:' .. jobs.list, ...) end)
    if length == #jobs then queue_group(jobs.lane, jobs.group) end
    add(P .. 'ready', jobs.lane, #jobs)
    wake(jobs.lane)
  end
  for _, jobs in ipairs(ready) do
    local ok, why = pcall(line_up, jobs)
    if not ok then failed = failed or why end
  end
  if failed then error(failed) end
end)

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
