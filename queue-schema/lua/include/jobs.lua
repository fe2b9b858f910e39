-- jobs.lua: records of jobs.
-- @include lanes

-- A sweep that a person cancelled: its jobs are dropped where they stand, see drop_cancelled.
local cancelled = {}
local function is_cancelled(sweep)
  if sweep == '' then return false end
  if cancelled[sweep] == nil then cancelled[sweep] = call('SISMEMBER', P .. 'cancelled', sweep) == 1 end
  return cancelled[sweep]
end

-- Fields of a job's record by name. One that has its default is not kept: a waiting job is a few
-- words, and there may be many. A job that is not there, or has no record that can be read, has no `st`.
local DEFAULTS = { s = '', g = '', a = '0', c = '0' }
local removed = {} -- by this call
local function look(id, ...)
  local names = { ... }
  local values = removed[id] and {} or redis.pcall('HMGET', P .. 'j:' .. id, ...)
  if values.err then broken(values) end
  local j = { id = id }
  for k, name in ipairs(names) do j[name] = values[k] or DEFAULTS[name] end
  return j
end

-- Keys and members that this call removes; they go together, because commands are what scripts spend their time on.
local gone, gone_of, gone_keys = {}, {}, {}
local function remove_now()
  local keys, of = gone, gone_of
  gone, gone_of, gone_keys, removed = {}, {}, {}, {}
  in_parts(keys, function(...) call('UNLINK', ...) end)
  for sweep, ids in pairs(of) do
    in_parts(ids, function(...) call('SREM', P .. 'js:' .. sweep, ...) end)
  end
end
table.insert(at_end, remove_now)

local function remove_key(key)
  gone[#gone + 1] = key
  gone_keys[key] = true
end

-- A key that this call has removed is written again.
local function write_again(key)
  if gone_keys[key] then remove_now() end
end

-- A job leaves the queue for good. `js:SWEEP` names all jobs of a sweep, whatever their state, so
-- that nobody has to look through the keys of the server to find them.
local function remove(id, sweep)
  removed[id] = true
  gone[#gone + 1], gone[#gone + 2] = P .. 'j:' .. id, P .. 'b:' .. id
  if sweep ~= '' then
    local ids = gone_of[sweep] or {}
    gone_of[sweep] = ids
    ids[#ids + 1] = id
  end
end

-- The rank that a person gave a sweep: all its jobs have it.
local ranks = {}
local function rank_of(sweep)
  if sweep == '' then return nil end
  if ranks[sweep] == nil then
    local rank = call('HGET', P .. 'sw:' .. sweep, 'prio')
    ranks[sweep] = rank and string.match(rank, '^[012]$') or false
  end
  return ranks[sweep] or nil
end

-- A job in the flat form of NewJob::encode; returns it and the next position.
local function read_job(i)
  return {
    id = ARGV[i], lane = ARGV[i + 1], prio = ARGV[i + 2], sweep = ARGV[i + 3],
    target = ARGV[i + 4], delay = tonumber(ARGV[i + 5]), max = ARGV[i + 6], body = ARGV[i + 7],
  }, i + 8
end

-- Leased -> ready, the crash counted or not.
local function back_to_ready(id, lane, prio, sweep)
  call('HSET', P .. 'j:' .. id, 'st', 'ready', 't', '')
  push_ready(id, lane, prio, sweep)
end
