-- effects.lua: applies effects.
-- @include targets

-- Effects in the flat form of Effect::encode; returns the next position.
local function apply(i)
  local n = tonumber(ARGV[i])
  i = i + 1
  for _ = 1, n do
    local op = ARGV[i]
    i = i + 1
    if op == 'enqueue' then
      local j
      j, i = read_job(i)
      enqueue(j)
    elseif op == 'row' then
      local sweep, stream, row_id, json = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
      local index = P .. 'rowid:' .. stream .. ':' .. sweep
      if call('HEXISTS', index, row_id) == 0 then
        local entry = call('XADD', P .. 'rows:' .. stream .. ':' .. sweep, '*', 'id', row_id, 'row', json)
        call('HSET', index, row_id, entry)
      end
      i = i + 4
    elseif op == 'put' then
      call('HSET', P .. ARGV[i], ARGV[i + 1], ARGV[i + 2])
      i = i + 3
    elseif op == 'add' then
      add(P .. ARGV[i], ARGV[i + 1], ARGV[i + 2])
      i = i + 3
    elseif op == 'tally' then
      local key, last = P .. ARGV[i], i + 1 + 2 * tonumber(ARGV[i + 1])
      -- Counters that nothing depends on: they stop nobody's work.
      local ok, why = pcall(function()
        for at = i + 2, last, 2 do add(key, ARGV[at], ARGV[at + 1]) end
      end)
      if not ok then broken(why) end
      i = last + 1
    elseif op == 'append' then
      call('RPUSH', P .. ARGV[i], ARGV[i + 1])
      i = i + 2
    elseif op == 'delete' then
      call('UNLINK', P .. ARGV[i])
      i = i + 1
    elseif op == 'barrier' then
      local key = P .. 'bar:' .. ARGV[i]
      local size = ARGV[i + 1]
      local j
      j, i = read_job(i + 2)
      if call('EXISTS', key) == 0 then
        call('HSET', key, 'size', size, 'n', 0, 'id', j.id, 'lane', j.lane, 'prio', j.prio,
          'sweep', j.sweep, 'target', j.target, 'delay', j.delay, 'max', j.max, 'body', j.body)
      end
    elseif op == 'arrive' then
      local key = P .. 'bar:' .. ARGV[i]
      local members = P .. 'barm:' .. ARGV[i]
      -- A barrier that is gone has been passed: arriving there again is nothing.
      if call('EXISTS', key) == 1 and call('SETBIT', members, ARGV[i + 1], 1) == 0 then
        local arrived = call('HINCRBY', key, 'n', 1)
        local b = call('HMGET', key, 'size', 'id', 'lane', 'prio', 'sweep', 'target', 'delay', 'max', 'body')
        if arrived >= tonumber(b[1]) then
          call('UNLINK', key, members)
          enqueue({ id = b[2], lane = b[3], prio = b[4], sweep = b[5], target = b[6],
            delay = tonumber(b[7]), max = b[8], body = b[9] })
        end
      end
      i = i + 2
    elseif op == 'plan' then
      local sweep, first, count = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
      i = i + 3
      local sk, tg = P .. 'sw:' .. sweep, P .. 'tg:' .. sweep
      -- Pages come in order; one that was written before is not written again.
      if tonumber(call('HGET', sk, 'total')) == first and not is_cancelled(sweep) then
        local codes, skipped = {}, 0
        for k = 0, count - 1 do
          codes[k + 1] = ARGV[i + 2 * k]
          if codes[k + 1] == 's' then skipped = skipped + 1 end
          call('HSET', tg, first + k, ARGV[i + 2 * k + 1])
        end
        if count > 0 then call('SETRANGE', P .. 'st:' .. sweep, first, table.concat(codes)) end
        add(sk, 'n:s', skipped)
        add(sk, 'n:q', count - skipped)
        call('HSET', sk, 'total', first + count)
        admit(sweep)
      end
      i = i + 2 * count
    elseif op == 'planned' then
      local sk = P .. 'sw:' .. ARGV[i]
      if call('HGET', sk, 'state') == 'planning' then
        call('HSET', sk, 'planned', '1', 'state', 'running')
        admit(ARGV[i])
        judge_sweep(ARGV[i])
      end
      i = i + 1
    elseif op == 'settle' then
      settle(ARGV[i], ARGV[i + 1], ARGV[i + 2])
      i = i + 3
    else
      error('unknown effect ' .. tostring(op))
    end
  end
  return i
end
