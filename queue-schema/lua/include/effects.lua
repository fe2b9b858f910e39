-- effects.lua: applies effects.
-- @include targets
-- @include counters

-- Effects in the flat form of Effect::encode; returns the next position.
local function apply_effects(i)
  local n = tonumber(ARGV[i])
  i = i + 1
  local done = 0
  while done < n do
    local op = ARGV[i]
    i, done = i + 1, done + 1
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
      write_again(P .. ARGV[i])
      if sums[P .. ARGV[i]] then count_now() end
      -- Values for the same key that follow each other are written together.
      local key, fields = ARGV[i], { ARGV[i + 1], ARGV[i + 2] }
      i = i + 3
      while done < n and ARGV[i] == 'put' and ARGV[i + 1] == key do
        fields[#fields + 1], fields[#fields + 2] = ARGV[i + 2], ARGV[i + 3]
        i, done = i + 4, done + 1
      end
      call('HSET', P .. key, unpack(fields))
    elseif op == 'add' then
      write_again(P .. ARGV[i])
      -- Other counters than a sweep's may be removed in the same call.
      if string.sub(ARGV[i], 1, 3) == 'sw:' then
        count(P .. ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), true)
      else
        add(P .. ARGV[i], ARGV[i + 1], ARGV[i + 2])
      end
      i = i + 3
    elseif op == 'tally' then
      local key, last = P .. ARGV[i], i + 1 + 2 * tonumber(ARGV[i + 1])
      write_again(key)
      -- Nothing depends on these: they stop nobody's work.
      for at = i + 2, last, 2 do count(key, ARGV[at], tonumber(ARGV[at + 1])) end
      i = last + 1
    elseif op == 'append' then
      write_again(P .. ARGV[i])
      call('RPUSH', P .. ARGV[i], ARGV[i + 1])
      i = i + 2
    elseif op == 'index' then
      write_again(P .. ARGV[i])
      call('ZADD', P .. ARGV[i], 0, ARGV[i + 1])
      i = i + 2
    elseif op == 'unindex' then
      write_again(P .. ARGV[i])
      call('ZREM', P .. ARGV[i], ARGV[i + 1])
      i = i + 2
    elseif op == 'delete' then
      forget_sums(P .. ARGV[i])
      remove_key(P .. ARGV[i])
      i = i + 1
    elseif op == 'barrier' then
      local key = P .. 'bar:' .. ARGV[i]
      local size = ARGV[i + 1]
      local j
      j, i = read_job(i + 2)
      if call('EXISTS', key) == 0 then
        call('HSET', key, 'size', size, 'n', 0, 'id', j.id, 'lane', j.lane, 'prio', j.prio,
          'sweep', j.sweep, 'target', j.target, 'delay', j.delay, 'max', j.max, 'body', j.body)
        list_ending(j.sweep, j.target, string.sub(key, #P + 5))
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
    elseif op == 'targets' then
      local sweep, first, n_targets = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
      i = i + 3
      local sk, tg = P .. 'sw:' .. sweep, P .. 'tg:' .. sweep
      -- Pages come in order; one that was written before is not written again.
      if tonumber(call('HGET', sk, 'total')) == first and not is_cancelled(sweep) then
        local codes, records, skipped = {}, {}, 0
        for k = 0, n_targets - 1 do
          codes[k + 1] = ARGV[i + 2 * k]
          if codes[k + 1] == 's' then skipped = skipped + 1 end
          records[2 * k + 1], records[2 * k + 2] = first + k, ARGV[i + 2 * k + 1]
        end
        in_parts(records, function(...) call('HSET', tg, ...) end)
        if n_targets > 0 then call('SETRANGE', P .. 'st:' .. sweep, first, table.concat(codes)) end
        tell_settled(sweep, 's', skipped)
        count(sk, 'n:s', skipped, true)
        count(sk, 'n:q', n_targets - skipped, true)
        call('HSET', sk, 'total', first + n_targets)
        admit(sweep)
      end
      i = i + 2 * n_targets
    elseif op == 'listed' then
      local sk = P .. 'sw:' .. ARGV[i]
      if call('HGET', sk, 'state') == 'planning' then
        call('HSET', sk, 'planned', '1', 'state', 'running')
        go_on(ARGV[i])
      end
      i = i + 1
    elseif op == 'event' then
      write_event(ARGV[i], ARGV[i + 1])
      i = i + 2
    elseif op == 'settle' then
      settle(ARGV[i], ARGV[i + 1], ARGV[i + 2])
      i = i + 3
    else
      error('unknown effect ' .. tostring(op))
    end
  end
  return i
end
