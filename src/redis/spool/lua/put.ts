/**
 * In: now, max jobs, max bytes, then of each job its fields as a list in JSON, and its head with body. The fields, of
 * which what is not there is empty: id or (of a new one) its last digits, route, request id, at, age, sends, doubt,
 * origin, size, bytes of the head, order key, blocks, hash of the key, of the body, time of the key, dead reason,
 * detail, poll, its delay, its time in all, seq of the id it has, tries. Out: the time, and of each `queued` or
 * `duplicate` with an id, `conflict`, or `full` with a bound.
 */
export const PUT: string = String.raw`
local function room(more, max, now)
  local left = max - more - counted('bytes')
  for _ = 1, 1000 do
    if left > 0 then return true end
    local id = rcall('ZRANGE', P .. 'paid', 0, 0)[1]
    if not id then break end
    local r = load(id)
    unindex(r)
    local freed = r.hl + r.size
    rcall('DEL', P .. 'b:' .. id)
    rcall('HDEL', P .. 'j:' .. id, 'hl')
    r.hl = nil
    count('bytes', -freed)
    left = left + freed
    index(r)
  end
  for _ = 1, 1000 do
    if left > 0 then return true end
    local id = rcall('ZRANGE', P .. 's:delivered', 0, 0)[1]
    if not id then return false end
    local r = load(id)
    local before = counted('bytes')
    unindex(r)
    drop(r, now)
    left = left + before - counted('bytes')
  end
  return left > 0
end

-- As core/job.id.ts has it: the id is the arrival, so that all stores have one order.
local EPOCH = 1577836800000
local function idOf(seq, tail)
  local ms = math.floor(seq / 4096) + EPOCH
  return string.format('%08x-%04x-7%03x-8000-%s', math.floor(ms / 65536), ms % 65536, seq % 4096, tail)
end

local lastSeq = nil
local now = tick(ARGV[1])
local maxJobs, maxBytes = tonumber(ARGV[2]), tonumber(ARGV[3])

local function put(f, content)
  local id, route, dead = f[1], f[2], f[16]
  local key = f[13] ~= '' and P .. 'k:' .. route .. '\n' .. f[13]
  if key then
    local known = rcall('HMGET', key, 'body', 'id', 'til')
    if known[1] and tonumber(known[3]) > now then
      if known[1] == f[14] then return {'duplicate', known[2]} end
      return {'conflict'}
    end
  end
  if dead ~= '' and rcall('EXISTS', P .. 'j:' .. id) == 1 then return {'conflict'} end
  if dead == '' and counted('waiting') >= maxJobs then return {'full', 'jobs'} end
  local bytes = tonumber(f[9]) + tonumber(f[10])
  if not room(bytes + ROW, maxBytes, now) then return {'full', 'bytes'} end

  local seq = tonumber(f[21])
  if dead == '' then
    lastSeq = math.max((lastSeq or tonumber(rcall('GET', P .. 'seq') or 0)) + 1, (now - EPOCH) * 4096)
    seq = lastSeq
    id = idOf(seq, id)
  end
  local rid = f[3] ~= '' and f[3] or id
  local poll = f[18] ~= ''
  local r = {new = true, id = id, route = route, rid = rid, seq = seq, at = f[4], since = now, age = f[5],
    exp = now + f[5], att = 0, sends = f[6] - (#f - 21), doubt = f[7], origin = f[8], size = f[9],
    due = now + (poll and f[19] or 0)}
  if f[11] ~= '' then r.okey = f[11] end
  if f[12] == '1' then r.blocks = '1' end
  if poll then
    r.poll = f[18]; r.til = now + f[20]; r.state = 'verifying'; r.lane = 'verify'
    count('bytes', ROW)
  else
    r.hl = f[10]
    rcall('SET', P .. 'b:' .. id, content)
    count('bytes', ROW + bytes)
  end
  rcall('ZADD', P .. 'all', seq, id)
  rcall('ZADD', P .. 'q:' .. rid, seq, id)
  addTries(r, f, 22)
  if dead ~= '' then
    r.lane = 'first'
    finish(r, now, dead, f[17] ~= '' and f[17] or nil, false)
  elseif poll then place(r, now, false)
  else queueAgain(r, now, now, false) end
  if key then
    rcall('HSET', key, 'body', f[14], 'id', id, 'til', now + f[15])
    rcall('ZADD', P .. 'keys', now + f[15], key)
  end
  return {'queued', id}
end

local reply = {now}
for i = 4, #ARGV, 2 do reply[#reply + 1] = put(cjson.decode(ARGV[i]), ARGV[i + 1]) end
if lastSeq then rcall('SET', P .. 'seq', lastSeq) end
return reply
`;
