-- budget.lua: what a sweep may spend, has spent, and holds for calls under way.
-- @include counters

-- What a sweep may spend, has spent, and holds for calls under way; nil without a budget.
local function budget_of(sweep)
  count_now()
  local b = call('HMGET', P .. 'sw:' .. sweep, 'cap:calls', 'cap:tokens', 'cap:micro_usd',
    'res:calls', 'res:tokens', 'res:micro_usd', 'calls', 'tokens_in', 'cost_micro_usd', 'tokens_out',
    'tokens_guessed', 'cap:degrade', 'cap:stop')
  if not (b[1] or b[2] or b[3]) then return nil end
  -- A cap that is no number lets nothing begin, rather than everything.
  for k = 1, 13 do b[k] = tonumber(b[k] or 0) or (k < 4 and 1 or 0) end
  local caps = { degrade = b[12], stop = b[13] }
  for k, name in ipairs({ 'calls', 'tokens', 'micro_usd' }) do
    caps[k] = { name = name, cap = b[k], held = b[k + 3], spent = b[k + 6] }
  end
  caps[2].spent = caps[2].spent + b[10] + b[11]
  return caps
end

-- True when so many percent of a cap are spent, or spent and held.
local function reached(c, percent, held)
  return c.cap > 0 and (c.spent + held) * 100 >= c.cap * percent
end

-- True when a sweep begins no further target. What is held may come to nothing, so that alone leaves
-- nothing out: with the last live target only what is spent counts.
local function is_stopped(sweep, live)
  local caps = budget_of(sweep) or {}
  for _, c in ipairs(caps) do
    if reached(c, caps.stop, live > 0 and c.held or 0) then return true end
  end
  return false
end

-- What calls hold of a budget changes; a field that is 0 is not kept.
local function add_held(sweep, name, by)
  local sk, field = P .. 'sw:' .. sweep, 'res:' .. name
  if by ~= 0 and add(sk, field, digits(by)) <= 0 then call('HDEL', sk, field) end
end

-- What a job holds of its sweep's budget, 'tokens micro_usd' and always one call, goes back. It stays
-- with a job that changes hands: the call of a worker that died may have been made and paid for, and
-- whoever runs the job next finds its answer or makes it anew.
local function release_held(id, sweep, held)
  if not held then return end
  call('HDEL', P .. 'j:' .. id, 'res')
  local tokens, micro = string.match(held, '^(%d+) (%d+)$')
  if not tokens then return broken('job ' .. id .. ' holds of its budget what is no number') end
  add_held(sweep, 'calls', -1)
  add_held(sweep, 'tokens', -tonumber(tokens))
  add_held(sweep, 'micro_usd', -tonumber(micro))
end
