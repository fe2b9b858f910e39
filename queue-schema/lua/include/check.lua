-- check.lua: what the checks share. They find keys of the wrong type and values that no script can use, and set
-- them aside or mend them, so that reconcile.lua finds a queue that it can read.
--
-- ARGV[1]  which check of the script
-- ARGV[2]  '0' to report only, '1' to mend what can be made anew, '2' to give up the rest as well
-- ARGV[3+] see each check
-- Returns for each fault: kind, what it is about, what is wrong, '1' if it was mended.
-- @include jobs
-- @include gathered

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

-- Whether a job is one of a run over a sweep: the run is a part of its id, between dots.
local function is_of_run(id, sweep, run)
  local own = string.sub(id, 1, #sweep + 1) == sweep .. '.'
  return own and string.find(id .. '.', '.' .. run .. '.', #sweep + 1, true) ~= nil
end

local function forget_run(sweep, run)
  local name = sweep .. '.' .. run
  call('UNLINK', P .. 'ap:' .. name, P .. 'bar:' .. name, P .. 'barm:' .. name)
  call('LREM', P .. 'aps:' .. sweep, 0, run)
  drop_of(sweep, function(id) return is_of_run(id, sweep, run) end)
end
