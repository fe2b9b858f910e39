-- base.lua: what every script needs: the clock, counters, tokens, and how a script ends.
--
-- KEYS[1]  prefix of the partition, "{ns:p}:"; every key below carries its hash tag.
-- A script names what it uses in lines `-- @include NAME`, and so does an include. The client puts each one before
-- the script, once, and makes a function of the script that `finish` runs.
-- Time is the Redis clock, in milliseconds: the clocks of workers do not count.
local P = KEYS[1]
-- The client says in the last argument of every call how many events of each source are kept; 0: none are written.
local EVENTS = tonumber(table.remove(ARGV)) or 0
local call = redis.call
local t = call('TIME')
local NOW = t[1] * 1000 + math.floor(t[2] / 1000)
-- A number with its digits written out: Redis would take longer over it.
local function digits(n) return string.format('%.0f', n) end

-- Keys may hold foreign values. A script does what it can without them and sets the key `damaged`, so that the
-- next upkeep checks everything. A script that such a key stops sets it as well.
local met
local function broken(what)
  if type(what) == 'table' then what = what.err or '?' end
  met = met or string.sub(what, 1, 200)
end

-- Adds to a counter. An invalid one begins at 0; the reconciler counts it anew.
local function add(key, field, by)
  local n = redis.pcall('HINCRBY', key, field, by)
  if type(n) ~= 'table' then return n end
  if not string.find(n.err, 'not an integer', 1, true) and not string.find(n.err, 'overflow', 1, true) then error(n) end
  broken(n)
  n = math.max(0, tonumber(by) or 0)
  call('HSET', key, field, digits(n))
  return n
end

-- A list of one token at most. A foreign value there is removed.
local function token(key)
  local n = redis.pcall('LLEN', key)
  if type(n) == 'table' then
    broken(n)
    call('UNLINK', key)
    n = 0
  end
  if n == 0 then call('RPUSH', key, '1') elseif n > 1 then call('LTRIM', key, 0, 0) end
end

-- A command over a list of any length: Lua's stack holds some thousand arguments.
local function in_parts(list, each)
  for from = 1, #list, 1000 do each(unpack(list, from, math.min(from + 999, #list))) end
end

-- What the jobs of a call have in common is settled together at its end: includes put functions here.
local at_end = {}

-- What can't be done about one thing is no reason to leave the others; the first failure is raised at the end.
local function settle_up()
  local failed
  for _, part in ipairs(at_end) do
    local ok, why = pcall(part)
    if not ok then failed = failed or why end
  end
  if failed then error(failed) end
end

-- Runs a script. What its jobs have in common is settled also when it fails half way: what was done
-- until then stays done, and no job may be ready without standing in a list.
local function finish(script)
  local ok, result = pcall(script)
  local settled, why = pcall(settle_up)
  if ok and not settled then ok, result = false, why end
  if not ok then broken(result) end
  -- A server that refuses writes refuses this one too.
  if met then redis.pcall('SET', P .. 'damaged', met, 'EX', 3600) end
  if ok or type(result) == 'table' then return result end
  return redis.error_reply(result) -- error() would put ERR before its code, MISCONF for one
end
