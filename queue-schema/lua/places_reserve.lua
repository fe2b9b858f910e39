-- places_reserve.lua: places in a pool whose lanes lie in several partitions. Its limits are counted here, in
-- the pool's own partition; a claim elsewhere then takes no more jobs than it brings places.
--
-- ARGV[1]  pool
-- ARGV[2]  request id: the places are named after it; sent again, it gives the same ones
-- ARGV[3]  places wanted
-- ARGV[4]  how long they are held unless renewed, ms
-- Returns { ms until more may be had (-1: nobody knows), then the places }.
-- @include places
local pool, request, want = ARGV[1], ARGV[2], tonumber(ARGV[3])
local key = P .. 'permits:' .. pool
local out = { -1 }
for i = 1, want do
  if call('ZSCORE', key, request .. '#' .. i) then out[#out + 1] = request .. '#' .. i end
end
if #out > 1 then return out end

-- Of workers that died with them.
call('ZREMRANGEBYSCORE', key, '-inf', NOW)
local n, due = want, nil
local max = tonumber(call('HGET', P .. 'limits', pool) or '')
if max then
  local room = max - call('ZCARD', key)
  n = math.min(n, room)
  if room < want then
    local head = call('ZRANGE', key, 0, 0, 'WITHSCORES')
    if head[2] then due = tonumber(head[2]) end
  end
end
if n > 0 then
  local tokens, next_at
  n, tokens, next_at = allowed(pool, n)
  if next_at and (not due or next_at < due) then due = next_at end
  for i = 1, n do
    call('ZADD', key, NOW + tonumber(ARGV[4]), request .. '#' .. i)
    out[#out + 1] = request .. '#' .. i
  end
  if n > 0 and tokens then take_tokens(pool, tokens - n) end
  -- All that was wanted was there: perhaps there is more for the next who waits.
  if n == want then freed(pool) end
end
if due then out[1] = math.max(1, due - NOW + 1) end
return out
