-- commit.lua: the one place where effects happen. For each job of the batch: if the lease is
-- still the worker's, apply all its effects and its ending; otherwise change nothing and say so.
-- Leased -> Absent (done) | Delayed (retry, or wait, which counts no attempt) | Dead (dead, or retry
-- beyond the limit) | Ready (back)
--
-- ARGV[1]  number of commits, then per commit:
--          job id, token, ending, its two arguments, number of effects, effects
-- Returns one number a commit: 1 applied, 0 stale.
-- @include leases
-- @include dead
-- @include effects
local results = {}
local i = 2

-- The position behind the effects of a stale commit, found by reading without applying.
local function skip(at)
  local n = tonumber(ARGV[at])
  at = at + 1
  local width = { enqueue = 8, row = 4, put = 3, add = 3, append = 2, delete = 1, index = 2, unindex = 2, barrier = 10,
    arrive = 2, listed = 1, settle = 3, event = 2 }
  for _ = 1, n do
    local op = ARGV[at]
    if op == 'targets' then
      at = at + 4 + 2 * tonumber(ARGV[at + 3])
    elseif op == 'tally' then
      at = at + 3 + 2 * tonumber(ARGV[at + 2])
    else
      at = at + 1 + width[op]
    end
  end
  return at
end

for k = 1, tonumber(ARGV[1]) do
  local id, token, ending, a, b = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  i = i + 5
  local key = P .. 'j:' .. id
  local j = look(id, 't', 'l', 'p', 's', 'g', 'a', 'm', 'st', 'res')
  if j.t ~= token or j.st ~= 'leased' then
    results[k] = 0
    i = skip(i)
  else
    results[k] = 1
    -- What the call has taken is among the effects; what was held for it would count beside that.
    if ending ~= 'back' then release_held(id, j.s, j.res) end
    -- Effects go first: a follow-up may be this very job's successor, and what the ending does
    -- to the sweep must see them. Effects that can't be applied leave the job leased.
    i = apply_effects(i)
    unlease(id)
    if ending == 'done' then
      remove(id, j.s)
    elseif ending == 'back' then
      back_to_ready(id, j.l, j.p, j.s)
    elseif ending == 'retry' or ending == 'wait' then
      local attempts = (tonumber(j.a) or 0) + 1
      if ending == 'retry' then call('HSET', key, 'a', attempts) end
      if ending == 'retry' and attempts >= (tonumber(j.m) or 1) then
        bury(id, j.l, j.s, j.g, 'attempts_exhausted', b)
      else
        call('HSET', key, 'st', 'delayed', 't', '', 'lr', b)
        call('ZADD', P .. 'delayed', NOW + tonumber(a), id)
        wake(j.l)
      end
    else
      bury(id, j.l, j.s, j.g, a, b)
    end
    -- A job that ran on after its target was cancelled leaves nothing either.
    if j.g ~= '' and is_cancelled(j.s) then
      tidy(j.s, j.g, call('GETRANGE', P .. 'st:' .. j.s, j.g, j.g))
    end
  end
end
return results
