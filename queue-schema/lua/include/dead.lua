-- dead.lua: the dead-letter queue.
-- @include targets

-- A letter is gone for good, and with the last one of an accepted review what its facts needed: an
-- unresolved target keeps its attempts, because they are reported.
local function letter_gone(id, sweep, target)
  if sweep == '' or target == '' then return end
  local group = P .. 'dt:' .. sweep .. ':' .. target
  call('SREM', group, id)
  if call('EXISTS', group) == 0 and call('GETRANGE', P .. 'st:' .. sweep, target, target) == 'r' then
    call('UNLINK', P .. 'rev:' .. sweep .. '-' .. target)
  end
end

-- Leased -> dead. A dead job of a target leaves it unresolved; one that plans a sweep fails it.
local function bury(id, sweep, target, class, reason)
  local key = P .. 'j:' .. id
  call('HSET', key, 'st', 'dead', 't', '', 'dc', class, 'dr', reason, 'da', NOW)
  call('HSETNX', key, 'df', NOW)
  call('ZADD', P .. 'dead', NOW, id)
  if sweep == '' then return end
  if target ~= '' then
    call('SADD', P .. 'dt:' .. sweep .. ':' .. target, id)
    settle(sweep, target, 'u')
  elseif call('HGET', key, 'l') == 'plan' and not is_cancelled(sweep) and call('EXISTS', P .. 'sw:' .. sweep) == 1 then
    call('HSET', P .. 'sw:' .. sweep, 'state', 'failed', 'error', reason, 'ended', NOW)
  end
end
