-- revive.lua: Dead -> Ready, by a person's word, perhaps with a new body and lane.
--
-- All dead jobs of the same target go back together: an unresolved file is one dead letter to a
-- person, and with only some of its jobs the file could never be resolved.
--
-- ARGV[1]  job id
-- ARGV[2]  new lane, or '' to keep it
-- ARGV[3]  new body, or '' to keep it
-- Returns the number of jobs revived; 0 when there is no such dead job, or its sweep was cancelled.
-- @include dead
local function revive(id, lane, body)
  local key = P .. 'j:' .. id
  local j = look(id, 'st', 'l', 'p', 's', 'g')
  if j.st ~= 'dead' or is_cancelled(j.s) then return nil end
  if lane == '' then lane = j.l end
  if body ~= '' then call('SET', P .. 'b:' .. id, body) end
  call('ZREM', P .. 'dead', id)
  -- A life of its own: an answer that was counted in the last one is not counted again.
  call('HSET', key, 'st', 'ready', 'l', lane, 'e', digits(NOW))
  call('HDEL', key, 'a', 'c')
  push_ready(id, lane, j.p, j.s)
  return { sweep = j.s, target = j.g, lane = lane }
end

local first = revive(ARGV[1], ARGV[2], ARGV[3])
if not first then return 0 end
local revived = 1
if first.target ~= '' then
  local group = P .. 'dt:' .. first.sweep .. ':' .. first.target
  for _, id in ipairs(call('SMEMBERS', group)) do
    if id ~= ARGV[1] and revive(id, '', '') then revived = revived + 1 end
  end
  call('UNLINK', group)
  settle(first.sweep, first.target, 'l')
elseif first.sweep ~= '' and lists_targets(first.sweep, first.lane, 'failed') then
  reopen(P .. 'sw:' .. first.sweep, 'planning')
end
return revived
