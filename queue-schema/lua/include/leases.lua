-- leases.lua: jobs leave their leases.
-- @include base

-- A job leaves its lease; all of a call leave together, at its end.
local left = {}
local function unlease(id) left[#left + 1] = id end

table.insert(at_end, function()
  local gone = left
  left = {}
  in_parts(gone, function(...) call('ZREM', P .. 'leases', ...) end)
end)
