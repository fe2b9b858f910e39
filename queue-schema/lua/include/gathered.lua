-- gathered.lua: what the jobs of a target leave for each other: its state, its attempts, its barriers.
-- @include counters

-- A barrier belongs to a target when its name is `SWEEP-TARGET` and an ending. The record of the sweep lists the
-- endings that there are; the effect that makes a barrier writes them.
local endings = {}
local function endings_of(sweep)
  if not endings[sweep] then
    local listed = redis.pcall('HGET', P .. 'sw:' .. sweep, 'bars')
    local all = {}
    for ending in string.gmatch(type(listed) == 'string' and listed or '', '%S+') do all[#all + 1] = ending end
    endings[sweep] = all
  end
  return endings[sweep]
end

local function list_ending(sweep, target, name)
  local before = sweep .. '-' .. target
  if string.sub(name, 1, #before) ~= before then return end
  local ending = string.sub(name, #before + 1)
  local s = call('HMGET', P .. 'sw:' .. sweep, 'state', 'bars')
  if not s[1] or string.find(' ' .. (s[2] or '') .. ' ', ' ' .. ending .. ' ', 1, true) then return end
  call('HSET', P .. 'sw:' .. sweep, 'bars', s[2] and s[2] .. ' ' .. ending or ending)
  endings[sweep] = nil
end

-- Adds the keys of a target to a list.
local function gathered(keys, sweep, target, with_attempts)
  local name = sweep .. '-' .. target
  keys[#keys + 1] = P .. 'rev:' .. name
  if with_attempts then keys[#keys + 1] = P .. 'att:' .. name end
  for _, ending in ipairs(endings_of(sweep)) do
    keys[#keys + 1] = P .. 'bar:' .. name .. ending
    keys[#keys + 1] = P .. 'barm:' .. name .. ending
  end
end

local function drop_gathered(sweep, target, with_attempts)
  local keys = {}
  gathered(keys, sweep, target, with_attempts)
  for _, key in ipairs(keys) do forget_sums(key) end
  call('UNLINK', unpack(keys))
end
