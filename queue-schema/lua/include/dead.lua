-- dead.lua: the dead-letter queue.
-- @include targets
-- @include events

-- A letter is gone for good, and with the last one of a resolved target what was gathered for the dead work.
-- An unresolved target keeps its attempts, because they are reported.
local function letter_gone(id, sweep, target)
  if sweep == '' or target == '' then return end
  local group = P .. 'dt:' .. sweep .. ':' .. target
  call('SREM', group, id)
  if call('EXISTS', group) == 0 and call('GETRANGE', P .. 'st:' .. sweep, target, target) == 'r' then
    call('UNLINK', P .. 'rev:' .. sweep .. '-' .. target)
  end
end

-- Whether a job without a target lists the targets of its sweep: the record names its lane. Records that an older
-- version wrote name none; while such a sweep is planned it has no other jobs.
local function lists_targets(sweep, lane, state)
  local s = call('HMGET', P .. 'sw:' .. sweep, 'state', 'lister')
  return s[1] == state and (not s[2] or s[2] == lane)
end

-- Leased -> dead. A dead job of a target leaves it unresolved; one that lists targets fails its sweep.
local function bury(id, lane, sweep, target, class, reason)
  local key = P .. 'j:' .. id
  call('HSET', key, 'st', 'dead', 't', '', 'dc', class, 'dr', reason, 'da', NOW)
  call('HSETNX', key, 'df', NOW)
  call('ZADD', P .. 'dead', NOW, id)
  tell('dead_letters', { endpoint = string.match(lane or '', '^[^:]*'), success = false, sweep = sweep, job = id,
    target = tonumber(target), class = class, reason = clipped(reason) })
  if sweep == '' then return end
  if target ~= '' then
    call('SADD', P .. 'dt:' .. sweep .. ':' .. target, id)
    settle(sweep, target, 'u')
  elseif not is_cancelled(sweep) and lists_targets(sweep, lane, 'planning') then
    call('HSET', P .. 'sw:' .. sweep, 'state', 'failed', 'error', reason, 'ended', NOW)
  end
end
