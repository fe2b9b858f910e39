-- check_rows.lua: the rows of a sweep and the index that makes each of them unique.
--
-- ARGV[1]  'rows' | 'unrowed'
-- ARGV[2]  how far mending goes, see check.lua
-- ARGV[3+] see each check
-- Returns as check.lua says, and before that the position of the next page
-- @include check
-- @include targets

-- One page of rows, and the index that makes each of them unique.
-- ARGV[3]  stream; ARGV[4]  sweep; ARGV[5]  entry to begin at; ARGV[6]  entries looked at
function checks.rows()
  local stream, index = P .. 'rows:' .. ARGV[3] .. ':' .. ARGV[4], P .. 'rowid:' .. ARGV[3] .. ':' .. ARGV[4]
  local page = call('XRANGE', stream, ARGV[5], '+', 'COUNT', ARGV[6])
  out[1] = #page > 0 and '(' .. page[#page][1] or ''
  for _, entry in ipairs(page) do
    local e = {}
    for k = 1, #entry[2], 2 do e[entry[2][k]] = entry[2][k + 1] end
    local of = e.id and call('HGET', index, e.id)
    if not (e.id and e.row and pcall(cjson.decode, (string.gsub(e.row, '\n#%x+$', '')))) or (of and of ~= entry[1]) then
      if fault('value', 'rows:' .. ARGV[3] .. ':' .. ARGV[4], 'entry ' .. entry[1] .. ' is no row: removed') then
        call('XDEL', stream, entry[1])
      end
    elseif not of then
      if fault('index', e.id, 'the index of its rows lacks it') then call('HSET', index, e.id, entry[1]) end
    end
  end
end

-- One page of an index of rows: entries without a row. A target whose row is gone is worked on again.
-- ARGV[3]  stream; ARGV[4]  sweep; ARGV[5]  cursor; ARGV[6]  fields looked at; ARGV[7]  '1' if a target is
-- accepted by a row of this stream
function checks.unrowed()
  local stream, sweep = ARGV[3], ARGV[4]
  local index = P .. 'rowid:' .. stream .. ':' .. sweep
  local page = call('HSCAN', index, ARGV[5], 'COUNT', ARGV[6])
  out[1] = page[1]
  for i = 1, #page[2], 2 do
    local id, entry = page[2][i], page[2][i + 1]
    local found = redis.pcall('XRANGE', P .. 'rows:' .. stream .. ':' .. sweep, entry, entry)
    if found.err or #found == 0 then
      local own = ARGV[7] == '1' and string.sub(id, 1, #sweep + 1) == sweep .. '-'
      local target = own and number(string.sub(id, #sweep + 2), 0, MOST)
      local again = target and call('GETRANGE', P .. 'st:' .. sweep, target, target) == 'r'
      if fault('value', id, 'its row is gone' .. (again and ': it is reviewed again' or '')) then
        call('HDEL', index, id)
        if again then
          local sk = P .. 'sw:' .. sweep
          call('HSET', sk, 'cursor', math.min(target, number(call('HGET', sk, 'cursor'), 0, MOST) or 0))
          settle(sweep, target, is_cancelled(sweep) and 'x' or 'q')
          judge_sweep(sweep) -- now: a sweep that has ended admits nobody until it runs again
          admit(sweep)
        end
      end
    end
  end
end

checks[ARGV[1]]()
return out
