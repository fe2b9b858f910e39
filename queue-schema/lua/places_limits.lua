-- places_limits.lua: what a pool may do at a time and in a minute, over the whole fleet.
--
-- ARGV[1]  pool
-- ARGV[2]  calls at a time at most, or '' for no limit
-- ARGV[3]  '1' when the limit below that is found by what the server bears
-- ARGV[4]  calls started in a minute, or '' for no limit
-- Returns 1 when that changed something.
-- @include places
local pool = ARGV[1]
local p = load_pool(pool)
local most, auto, rate = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
call('SADD', P .. 'pools', pool)
if p.most == most and p.auto == auto and p.rate == rate then return 0 end
if p.auto ~= auto then p.limit = nil end
if auto ~= 1 then p.limit, p.proven = most, most end
p.most, p.auto, p.rate = most, auto, rate
places.begin(p)
keep_pool(pool, p)
-- What waited for the old limit may go on now.
token(P .. 'freed:' .. pool)
return 1
