-- counters.lua: counters that effects add to. Those of a call are written together, with two commands a key.
-- @include base

local sums = {} -- key -> field -> what is added
local needed = {} -- keys that something depends on: a failure there is an error
local function count(key, field, by, is_needed)
  local of = sums[key] or {}
  sums[key] = of
  of[field] = (of[field] or 0) + by
  needed[key] = needed[key] or is_needed
end

-- What is not written yet of a counter.
local function pending(key, field)
  return sums[key] and sums[key][field] or 0
end

-- A key is removed: what would be added to it is lost with it.
local function forget_sums(key) sums[key] = nil end

local EXACT = 2 ^ 53 -- beyond, sums are not exact
local function written(had)
  local n = had and string.match(had, '^%-?%d+$') and tonumber(had)
  if had and not (n and math.abs(n) < EXACT) then broken('a counter is no number: ' .. had) end
  return n and math.abs(n) < EXACT and n or nil
end

local function write_sums(key, of)
  local fields = {}
  for field in pairs(of) do fields[#fields + 1] = field end
  if #fields == 1 then return add(key, fields[1], digits(of[fields[1]])) end
  in_parts(fields, function(...)
    local out, had = {}, call('HMGET', key, ...)
    for k, field in ipairs({ ... }) do
      local n = written(had[k])
      -- An invalid one begins at 0.
      n = had[k] and not n and math.max(0, of[field]) or (n or 0) + of[field]
      out[2 * k - 1], out[2 * k] = field, digits(n)
    end
    call('HSET', key, unpack(out))
  end)
end

-- Whoever reads a counter in the same call comes after this.
local function count_now()
  local all, failed = sums, nil
  sums = {}
  for key, of in pairs(all) do
    local ok, why = pcall(write_sums, key, of)
    if not ok then
      broken(why)
      if needed[key] then failed = failed or why end
    end
  end
  if failed then error(failed) end
end
table.insert(at_end, count_now)
