-- expire.lua: Dead -> Absent for letters that are older than a person has said they are kept. A letter
-- of a sweep that is not over stays, however old: somebody may still be waiting for it.
--
-- ARGV[1]  ms since its death at least
-- ARGV[2]  letters looked at, at most
-- ARGV[3]  old letters passed over: those that an earlier call has left
-- Returns { letters discarded, letters left, letters looked at }.
-- @include dead
local looked = call('ZRANGEBYSCORE', P .. 'dead', '-inf', NOW - tonumber(ARGV[1]),
  'LIMIT', ARGV[3], ARGV[2])
local discarded = 0
for _, id in ipairs(looked) do
  local j = call('HMGET', P .. 'j:' .. id, 's', 'g')
  local sweep = j[1] or ''
  local state = sweep ~= '' and call('HGET', P .. 'sw:' .. sweep, 'state')
  if state ~= 'planning' and state ~= 'running' then
    call('ZREM', P .. 'dead', id)
    letter_gone(id, sweep, j[2] or '')
    remove(id, sweep)
    discarded = discarded + 1
  end
end
return { discarded, #looked - discarded, #looked }
