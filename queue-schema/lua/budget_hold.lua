-- budget_hold.lua: holds what a model call may take of its sweep's budget, under the job that makes it, until
-- that job leaves its lease. No move. Sent again, or by whoever runs the job after a crash, it replaces
-- what the job holds.
--
-- ARGV[1]  job id
-- ARGV[2]  token
-- ARGV[3], ARGV[4]  tokens and millionths of a dollar that the call may take
-- ARGV[5]  '1' when its ladder has a cheaper rung
-- ARGV[6]  '1' when an earlier attempt of the same work was rejected
-- ARGV[7]  for a call whose price nobody set: the key of the ledger where others like it are counted; else '' or absent
-- ARGV[8] to ARGV[11]  its fields there: the cost that was told, calls, and those of them without an answer
-- Such a call holds what those before it cost on average. The first one holds all that is left, and so goes alone.
-- Returns { answer, cap, spent, most, asked }. Answers: 1 go on, 0 not now: it may fit when others have
-- taken less than they hold, 2 ask a cheaper rung, 3 no, 4 its sweep or lane was paused or its sweep cancelled, -1
-- the lease was lost. The rest says which cap decided.
-- @include jobs
-- @include budget
local id, cheaper, further = ARGV[1], ARGV[5] == '1', ARGV[6] == '1'
local j = look(id, 't', 'st', 's', 'l', 'res')
if j.t ~= ARGV[2] or j.st ~= 'leased' then return { -1 } end
-- Since it was claimed: a claim knows what becomes of it.
if is_cancelled(j.s) then return { 4 } end
for _, name in ipairs(call('SMEMBERS', P .. 'paused')) do
  if name == 'sweep:' .. j.s or name == 'lane:' .. tostring(j.l) then return { 4 } end
end
local caps = budget_of(j.s)
if not caps then
  release_held(id, j.s, j.res)
  return { 1 }
end

local tokens, micro = string.match(j.res or '', '^(%d+) (%d+)$')
local own = { tokens and 1 or 0, tonumber(tokens or 0), tonumber(micro or 0) }
local wanted = { 1, tonumber(ARGV[3]), tonumber(ARGV[4]) }
if (ARGV[7] or '') ~= '' and caps[3].cap > 0 then
  local told = call('HMGET', P .. ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11])
  for k = 1, 4 do told[k] = tonumber(told[k] or 0) or 0 end
  local answered = told[2] - told[3] - told[4]
  wanted[3] = answered > 0 and math.ceil(told[1] / answered) or math.max(caps[3].cap - caps[3].spent, 1)
end
-- The more of it, the less is left to hope for.
local HARD = { [1] = 0, [0] = 1, [2] = 2, [3] = 3 }
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
if worst[1] ~= 1 then return worst end
for k, c in ipairs(caps) do add_held(j.s, c.name, wanted[k] - own[k]) end
call('HSET', P .. 'j:' .. id, 'res', digits(wanted[2]) .. ' ' .. digits(wanted[3]))
return { 1 }
