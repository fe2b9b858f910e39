-- places.lua: the key of a pool, `pool:POOL`: its numbers, see limit.lua, and of each worker that has or lacks
-- places `w:WORKER`, 'HELD WAITS UNTIL SERIAL'. Whatever stands there, it is read as numbers or as nothing.
-- @include base
-- @include limit

local LONGEST_PAUSE = 86400000 -- ms

local function read_worker(text)
  local held, waits, till, serial = string.match(text or '', '^(%d+) ([01]) (%d+) (%S*)$')
  return held and { held = tonumber(held), waits = tonumber(waits), till = tonumber(till), serial = serial }
end

-- A pool, and what it knows of one worker. `was` has its numbers as they are kept, so that only what changed is
-- written again: most of them change seldom.
local function load_pool(pool, worker)
  local names = { unpack(places.FIELDS) }
  names[#names + 1] = worker
  local values = call('HMGET', P .. 'pool:' .. pool, unpack(names))
  local p = { was = {} }
  for k, name in ipairs(places.FIELDS) do
    local n = values[k] and tonumber(values[k])
    p[name] = n and n >= 0 and n < 2 ^ 50 and n or nil
    p.was[name] = p[name]
  end
  for _, name in ipairs({ 'told', 'paused', 'roof_at', 'at', 'paced' }) do
    if p[name] and p[name] > NOW + LONGEST_PAUSE then p[name] = nil end
  end
  return p, worker and read_worker(values[#names])
end

-- Counts the places of a pool anew, without those that ran out.
local function count_places(pool, p)
  local all, gone = call('HGETALL', P .. 'pool:' .. pool), {}
  p.used, p.waiting, p.workers = 0, 0, 0
  for i = 1, #all, 2 do
    local w = string.sub(all[i], 1, 2) == 'w:' and read_worker(all[i + 1])
    if w and w.till > NOW then
      p.used, p.waiting, p.workers = p.used + w.held, p.waiting + w.waits, p.workers + 1
    elseif string.sub(all[i], 1, 2) == 'w:' then
      gone[#gone + 1] = all[i]
    end
  end
  in_parts(gone, function(...) call('HDEL', P .. 'pool:' .. pool, ...) end)
end

-- Keeps the numbers of a pool that have changed, and what is said of one worker, until a time; nothing of it
-- is kept when it neither has nor lacks places.
local function keep_pool(pool, p, worker, mine, till)
  local key, fields = P .. 'pool:' .. pool, {}
  for _, name in ipairs(places.FIELDS) do
    if p[name] ~= p.was[name] then
      fields[#fields + 1], fields[#fields + 2] = name, p[name] and string.format('%.14g', p[name]) or ''
      p.was[name] = p[name]
    end
  end
  if mine then
    fields[#fields + 1] = worker
    fields[#fields + 1] = mine.held .. ' ' .. mine.waits .. ' ' .. digits(till) .. ' ' .. mine.serial
  elseif worker then
    call('HDEL', key, worker)
  end
  if #fields > 0 then call('HSET', key, unpack(fields)) end
end
