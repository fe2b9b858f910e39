-- commit.lua: the one place where effects happen. For each job of the batch: if the lease is
-- still the worker's, apply all its effects and its ending; otherwise change nothing and say so.
-- Leased -> Absent (done) | Delayed (retry, or wait, which counts no attempt) | Dead (dead, or retry
-- beyond the limit) | Ready (back)
--
-- ARGV[1]  number of commits, then per commit:
--          job id, token, ending, its two arguments, number of effects, effects
-- Returns one number a commit: 1 applied, 0 stale.
local results = {}
local i = 2

-- The position behind the effects of a stale commit, found by reading without applying.
local function skip(at)
  local n = tonumber(ARGV[at])
  at = at + 1
  local width = { enqueue = 8, row = 4, put = 3, add = 3, append = 2, delete = 1, barrier = 10,
    arrive = 2, planned = 1, settle = 3 }
  for _ = 1, n do
    local op = ARGV[at]
    if op == 'plan' then
      at = at + 4 + 2 * tonumber(ARGV[at + 3])
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
  local j = call('HMGET', key, 't', 'l', 'p', 's', 'g', 'a', 'm', 'st')
  if j[1] ~= token or j[8] ~= 'leased' then
    results[k] = 0
    i = skip(i)
  else
    results[k] = 1
    unlease(id, j[2])
    -- Effects go first: a follow-up may be this very job's successor, and what the ending does
    -- to the sweep must see them.
    i = apply(i)
    if ending == 'done' then
      remove(id, j[4])
    elseif ending == 'back' then
      back_to_ready(id, j[2], j[3], j[4])
    elseif ending == 'retry' or ending == 'wait' then
      if ending == 'retry' and tonumber(j[6]) + 1 >= tonumber(j[7]) then
        call('HINCRBY', key, 'a', 1)
        bury(id, j[4], j[5], 'attempts_exhausted', b)
      else
        if ending == 'retry' then call('HINCRBY', key, 'a', 1) end
        call('HSET', key, 'st', 'delayed', 't', '', 'lr', b)
        call('ZADD', P .. 'delayed', NOW + tonumber(a), id)
        wake(j[2])
      end
    else
      bury(id, j[4], j[5], a, b)
    end
    -- A shard that ran on after its target was cancelled leaves nothing either.
    if j[5] ~= '' and is_cancelled(j[4]) then
      tidy(j[4], j[5], call('GETRANGE', P .. 'st:' .. j[4], j[5], j[5]))
    end
  end
end
return results
