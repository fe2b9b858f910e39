-- limits.lua: what a pool may do at a time and in a minute, over the whole fleet.
--
-- ARGV[1]  pool
-- ARGV[2]  jobs leased at a time, or '' for no limit
-- ARGV[3]  jobs started in a minute, or '' for no limit
-- Returns 1 when that changed something.
-- @include places
local pool = ARGV[1]
local changed = 0
for i, key in ipairs({ 'limits', 'rates' }) do
  local limit = ARGV[i + 1]
  local old = call('HGET', P .. key, pool) or ''
  if limit ~= old then
    changed = 1
    if limit == '' then call('HDEL', P .. key, pool) else call('HSET', P .. key, pool, limit) end
  end
end
-- What waited for the old limit may go on now.
if changed == 1 then
  wake_pool(pool)
  freed(pool)
end
return changed
