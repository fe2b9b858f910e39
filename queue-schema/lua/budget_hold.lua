-- budget_hold.lua: holds what model calls may take of their sweeps' budgets, each under the job that makes it, until
-- that job leaves its lease. No move. Sent again, or by whoever runs the job after a crash, it replaces
-- what the job holds.
--
-- ARGV[1]  job id
-- ARGV[2]  token
-- ARGV[3], ARGV[4]  tokens and millionths of a dollar that the call may take
-- ARGV[5]  '1' when its ladder has a cheaper rung
-- ARGV[6]  '1' when an earlier attempt of the same work was rejected
-- ARGV[7]  for a call whose price nobody set: the key of the ledger where others like it are counted; else ''
-- ARGV[8] to ARGV[11]  its fields there: the cost that was told, calls, and those of them without an answer
-- ARGV[12+]  the same eleven for each further call
-- Such a call holds what those before it cost on average. The first one holds all that is left, and so goes alone.
-- Returns of each { answer, cap, spent, most, asked }. Answers: 1 go on, 0 not now: it may fit when others have
-- taken less than they hold, 2 ask a cheaper rung, 3 no, 4 its sweep or lane was paused or its sweep cancelled, -1
-- the lease was lost. The rest says which cap decided.
-- @include jobs
-- @include budget

local paused
local function is_paused(sweep, lane)
  if not paused then
    paused = {}
    for _, name in ipairs(call('SMEMBERS', P .. 'paused')) do paused[name] = true end
  end
  return paused['sweep:' .. sweep] or paused['lane:' .. tostring(lane)]
end

-- What calls like this one cost on average; the first one may cost all that is left.
local function unpriced(cap, key, ...)
  local told = call('HMGET', P .. key, ...)
  for k = 1, 4 do told[k] = tonumber(told[k] or 0) or 0 end
  local answered = told[2] - told[3] - told[4]
  return answered > 0 and math.ceil(told[1] / answered) or math.max(cap.cap - cap.spent, 1)
end

-- The more of it, the less is left to hope for.
local HARD = { [1] = 0, [0] = 1, [2] = 2, [3] = 3 }

-- The answer of the caps to a call that wants so much where its job holds `own`.
local function judge(caps, wanted, own, cheaper, further)
  local worst = { 1 }
  local function answer(code, c, n)
    if HARD[code] > HARD[worst[1]] then worst = { code, c.name, digits(c.spent), digits(c.cap), digits(n) } end
  end
  for k, c in ipairs(caps) do
    if c.cap > 0 then
      local n, held = wanted[k], c.held - own[k]
      local dear = c.name == 'micro_usd' and cheaper
      -- Near the cap: of rungs the cheapest, and where prices say nothing no second attempts.
      if dear or (further and c.name ~= 'micro_usd') then
        if reached(c, caps.degrade, 0) then
          answer(dear and 2 or 3, c, n)
        elseif reached(c, caps.degrade, held) then
          answer(0, c, n)
        end
      end
      if c.spent + n > c.cap then
        answer(dear and 2 or 3, c, n)
      elseif c.spent + held + n > c.cap then
        answer(0, c, n)
      end
    end
  end
  return worst
end

local free = {} -- sweeps without a budget
local function hold(id, token, tokens, micro, cheaper, further, key, ...)
  local j = look(id, 't', 'st', 's', 'l', 'res')
  if j.t ~= token or j.st ~= 'leased' then return { -1 } end
  -- Since it was claimed: a claim knows what becomes of it.
  if is_cancelled(j.s) or is_paused(j.s, j.l) then return { 4 } end
  local caps = not free[j.s] and budget_of(j.s)
  if not caps then
    free[j.s] = true
    release_held(id, j.s, j.res)
    return { 1 }
  end
  local had, had_micro = string.match(j.res or '', '^(%d+) (%d+)$')
  local own = { had and 1 or 0, tonumber(had or 0), tonumber(had_micro or 0) }
  local wanted = { 1, tonumber(tokens), tonumber(micro) }
  if key ~= '' and caps[3].cap > 0 then wanted[3] = unpriced(caps[3], key, ...) end
  local worst = judge(caps, wanted, own, cheaper == '1', further == '1')
  if worst[1] ~= 1 then return worst end
  for k, c in ipairs(caps) do add_held(j.s, c.name, wanted[k] - own[k]) end
  call('HSET', P .. 'j:' .. id, 'res', digits(wanted[2]) .. ' ' .. digits(wanted[3]))
  return { 1 }
end

local answers = {}
for i = 1, #ARGV, 11 do answers[#answers + 1] = hold(unpack(ARGV, i, i + 10)) end
return answers
