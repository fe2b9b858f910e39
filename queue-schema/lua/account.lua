-- account.lua: holds what a model call outside of sweeps may take of an account, and books what it took. No move.
-- What is held ends by itself: the call of a server that died may have been made and paid for, so that all that it
-- held counts as spent then. Sent again it changes nothing: a call holds once and is booked once.
--
-- ARGV[1]  account
-- ARGV[2]  call
-- ARGV[3]  'hold' | 'book' | 'free': before the call, after it, and when none was made
-- ARGV[4], ARGV[5]  tokens and millionths of a dollar that it may take, or took
-- ARGV[6]  time that the caps are for, ms
-- ARGV[7], ARGV[8], ARGV[9]  caps in calls, tokens and millionths of a dollar, 0 for none
-- ARGV[10]  how long it is held at most, ms
-- Returns { 1, calls, tokens and millionths of a dollar spent }, or { 0, cap, spent and held, most, ms until the next
--          time begins } when a cap does not reach it.
-- @include base
local key, field, window = P .. 'account:' .. ARGV[1], 'h:' .. ARGV[2], tonumber(ARGV[6])
local from = NOW - NOW % window
local names = { 'calls', 'tokens', 'micro_usd' }
local all, spent, held = call('HGETALL', key), { 0, 0, 0 }, { 0, 0, 0 }
local known = {}
for i = 1, #all, 2 do known[all[i]] = all[i + 1] end
if tonumber(known.from) == from then
  for k, name in ipairs(names) do spent[k] = tonumber(known[name]) or 0 end
end
local own
for name, value in pairs(known) do
  if string.sub(name, 1, 2) == 'h:' then
    local tokens, micro, ends = string.match(value, '^(%d+) (%d+) (%d+)$')
    local of = tokens and { 1, tonumber(tokens), tonumber(micro) }
    if not of then
      broken('an account holds what is no number')
      call('HDEL', key, name)
    elseif tonumber(ends) <= NOW then
      for k = 1, 3 do spent[k] = spent[k] + of[k] end
      call('HDEL', key, name)
    else
      for k = 1, 3 do held[k] = held[k] + of[k] end
      if name == field then own = of end
    end
  end
end
local function keep()
  local fields = { 'from', digits(from) }
  for k, name in ipairs(names) do
    fields[#fields + 1] = name
    fields[#fields + 1] = digits(spent[k])
  end
  call('HSET', key, unpack(fields))
  call('EXPIRE', key, math.ceil((window + tonumber(ARGV[10])) / 1000))
  return { 1, digits(spent[1]), digits(spent[2]), digits(spent[3]) }
end
local asked = { 1, tonumber(ARGV[4]), tonumber(ARGV[5]) }
if ARGV[3] ~= 'hold' then
  if own then
    for k = 1, 3 do spent[k] = spent[k] + (ARGV[3] == 'book' and asked[k] or 0) end
    call('HDEL', key, field)
  end
  return keep()
end
if not own then
  for k, name in ipairs(names) do
    local cap = tonumber(ARGV[6 + k])
    if cap > 0 and spent[k] + held[k] + asked[k] > cap then
      keep()
      return { 0, name, digits(spent[k] + held[k]), digits(cap), digits(from + window - NOW) }
    end
  end
  call('HSET', key, field, digits(asked[2]) .. ' ' .. digits(asked[3]) .. ' ' .. digits(NOW + tonumber(ARGV[10])))
end
return keep()
