/**
 * In: now, max jobs, max bytes, id or (of a new one) its last digits, route, request id, at, age, sends, doubt, origin, size, bytes of the head, order
 * key, blocks, hash of the key, of the body, time of the key, dead reason, detail, poll, its delay, its time in all,
 * head and body, seq of the id it has, tries; what is not there is empty. Out: the time, and `queued` or `duplicate`
 * with an id, `conflict`, or `full` with a bound.
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

local now = tick(ARGV[1])
local id, route, dead = ARGV[4], ARGV[5], ARGV[19]
local key = ARGV[16] ~= '' and P .. 'k:' .. route .. '\n' .. ARGV[16]
if key then
  local known = rcall('HMGET', key, 'body', 'id', 'til')
  if known[1] and tonumber(known[3]) > now then
    if known[1] == ARGV[17] then return {now, 'duplicate', known[2]} end
    return {now, 'conflict'}
  end
end
if dead ~= '' and rcall('EXISTS', P .. 'j:' .. id) == 1 then return {now, 'conflict'} end
if dead == '' and counted('waiting') >= tonumber(ARGV[2]) then return {now, 'full', 'jobs'} end
local bytes = tonumber(ARGV[12]) + tonumber(ARGV[13])
if not room(bytes + ROW, tonumber(ARGV[3]), now) then return {now, 'full', 'bytes'} end

local seq = tonumber(ARGV[25])
if dead == '' then
  seq = math.max(tonumber(rcall('GET', P .. 'seq') or 0) + 1, (now - EPOCH) * 4096)
  id = idOf(seq, id)
  rcall('SET', P .. 'seq', seq)
end
local rid = ARGV[6] ~= '' and ARGV[6] or id
local poll = ARGV[21] ~= ''
local r = {id = id, route = route, rid = rid, seq = seq, at = ARGV[7], since = now, age = ARGV[8],
  exp = now + ARGV[8], att = 0, sends = ARGV[9] - (#ARGV - 25), doubt = ARGV[10], origin = ARGV[11], size = ARGV[12],
  due = now + (poll and ARGV[22] or 0)}
if ARGV[14] ~= '' then r.okey = ARGV[14] end
if ARGV[15] == '1' then r.blocks = '1' end
if poll then
  r.poll = ARGV[21]; r.til = now + ARGV[23]; r.state = 'verifying'; r.lane = 'verify'
  count('bytes', ROW)
else
  r.hl = ARGV[13]
  rcall('SET', P .. 'b:' .. id, ARGV[24])
  count('bytes', ROW + bytes)
end
local fixed = {}
for _, f in ipairs(FIXED) do
  if r[f] ~= nil then fixed[#fixed + 1] = f; fixed[#fixed + 1] = r[f] end
end
rcall('HSET', P .. 'j:' .. id, unpack(fixed))
rcall('ZADD', P .. 'all', seq, id)
rcall('ZADD', P .. 'q:' .. rid, seq, id)
addTries(r, 26)
if dead ~= '' then
  r.lane = 'first'
  finish(r, now, dead, ARGV[20] ~= '' and ARGV[20] or nil, false)
elseif poll then place(r, now, false)
else queueAgain(r, now, now, false) end
if key then
  rcall('HSET', key, 'body', ARGV[17], 'id', id, 'til', now + ARGV[18])
  rcall('ZADD', P .. 'keys', now + ARGV[18], key)
end
return {now, 'queued', id}
`;
