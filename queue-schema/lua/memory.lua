-- memory.lua: what the server of this partition has in use, and what it may have.
--
-- ARGV[1]  nothing
-- Returns { bytes that count against maxmemory, maxmemory or 0 for none }.
-- @include base
local info = call('INFO', 'memory')
local function number(name) return tonumber(string.match(info, '[\r\n]' .. name .. ':(%d+)') or 0) end
return { number('used_memory') - number('mem_not_counted_for_evict'), number('maxmemory') }
