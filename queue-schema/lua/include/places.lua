-- places.lua: pools, their limits and rates. A place is the right to run one job of a pool.
-- @include lanes

-- The pool of a lane is what its limit counts: "rung:ollama" and "shard:ollama" share "ollama".
local function pool_of(lane)
  return string.match(lane, ':(.+)$') or lane
end

-- A pool may have room for what waits in any of its lanes.
local function wake_pool(pool)
  for _, lane in ipairs(call('HKEYS', P .. 'ready')) do
    if pool_of(lane) == pool then wake(lane) end
  end
end

-- Starts that the pool's token bucket allows now, up to n; the tokens in it; when there is another one,
-- if that is not now. The bucket holds a twentieth of a minute's worth, so that no minute sees more
-- than 105 % of it.
local function allowed(pool, n)
  local rate = tonumber(call('HGET', P .. 'rates', pool) or '0') or 0
  if rate <= 0 then return n, nil, nil end
  local most = math.max(1, rate / 20)
  local b = call('HMGET', P .. 'bucket:' .. pool, 'tokens', 'at')
  local tokens, next_at = most, nil
  local had, at = tonumber(b[1] or ''), tonumber(b[2] or '')
  if had and at then tokens = math.min(most, math.max(0, had) + math.max(0, NOW - at) * rate / 60000) end
  if tokens < 1 then next_at = NOW + math.ceil((1 - tokens) * 60000 / rate) end
  return math.min(n, math.floor(tokens)), tokens, next_at
end

-- What is left in the bucket after starts.
local function take_tokens(pool, tokens)
  call('HSET', P .. 'bucket:' .. pool, 'tokens', tokens, 'at', NOW)
end

-- Places of a pool are free, for workers that claim in other partitions: one of them looks.
local function freed(pool)
  token(P .. 'freed:' .. pool)
end
