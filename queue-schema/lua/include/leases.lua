-- leases.lua: jobs leave their leases.
-- @include places

-- A job leaves its lease; all of a call leave together, at its end.
local left, left_of = {}, {} -- ids; how many of each pool
local function unlease(id, lane)
  local pool = pool_of(lane)
  left[#left + 1] = id
  left_of[pool] = (left_of[pool] or 0) + 1
end

-- Pools whose jobs left have room again, which may be what others wait for.
table.insert(at_end, function()
  local gone, gone_of, failed = left, left_of, nil
  left, left_of = {}, {}
  local function try(part, ...)
    local ok, why = pcall(part, ...)
    if not ok then failed = failed or why end
  end
  local function give_back(pool, n)
    if add(P .. 'leased', pool, -n) <= 0 then call('HDEL', P .. 'leased', pool) end
    if call('HEXISTS', P .. 'limits', pool) == 1 then wake_pool(pool) end
  end
  try(in_parts, gone, function(...) call('ZREM', P .. 'leases', ...) end)
  for pool, n in pairs(gone_of) do try(give_back, pool, n) end
  if failed then error(failed) end
end)
