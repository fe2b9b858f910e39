-- check_jobs.lua: records of jobs. Those that can't be restored are removed.
--
-- ARGV[1]  'jobs' | 'restart' | 'run'
-- ARGV[2]  how far mending goes, see check.lua
-- ARGV[3+] see each check
-- Returns as check.lua says
-- @include check

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

-- Begins the work on a target again: reconcile.lua finds that there is no job for its target.
-- ARGV[3+] pairs of sweep and target
function checks.restart()
  for i = 3, #ARGV, 2 do
    local sweep, target = ARGV[i], ARGV[i + 1]
    drop_gathered(sweep, target, true)
    drop_of(sweep, function(_, j) return j.g == target end)
  end
end

-- Forgets a run over a sweep.
-- ARGV[3]  sweep; ARGV[4]  run
function checks.run() forget_run(ARGV[3], ARGV[4]) end

checks[ARGV[1]]()
return out
