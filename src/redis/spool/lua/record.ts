/**
 * What is kept beside the queues, and how a job moves between them.
 *
 * `j:{id}` is the job's record (a hash), `b:{id}` its head and body as they are, `t:{id}` its tries. `all` and
 * `s:{state}` order ids by arrival; `exp`, `done` and `dead` by when something is to be done about them; `old` those
 * that have not ended by when they came; `paid` the delivered ones that have their payload yet. `q:{request}` finds the
 * jobs of a request, `held:{instance}` what a sidecar has leased. `counts` is written with every change.
 * Fields: `route lane state held fence inst due exp age since at att sends doubt origin size hl okey blocks blk reason
 * detail ended poll til rid seq tb wd`; `q` is 1 while it stands in a queue of BullMQ, `wd` the fence under which it was
 * cancelled.
 */
export const RECORD: string = String.raw`
local P = KEYS[1]
local rcall = redis.call
local COUNTS = P .. 'counts'
local ROW = 512
local LAPSE = 60000

-- The time of the store: goes on with the fastest of those who use it, and never back.
local function tick(now)
  now = tonumber(now)
  local last = tonumber(rcall('HGET', P .. 'clock', 'now') or 0)
  if last > now then now = last end
  local server = rcall('TIME')
  rcall('HSET', P .. 'clock', 'now', now, 'at', server[1] * 1000 + math.floor(server[2] / 1000))
  return now
end

local function count(field, n)
  if n ~= 0 and rcall('HINCRBY', COUNTS, field, n) == 0 then rcall('HDEL', COUNTS, field) end
end
local function counted(field) return tonumber(rcall('HGET', COUNTS, field) or 0) end

local function load(id)
  local flat = rcall('HGETALL', P .. 'j:' .. id)
  if #flat == 0 then return nil end
  local r = {id = id}
  for i = 1, #flat, 2 do r[flat[i]] = flat[i + 1] end
  return r
end

local FIXED = {'route', 'rid', 'seq', 'at', 'since', 'age', 'origin', 'size', 'hl', 'okey', 'blocks'}
local CHANGING = {'lane', 'state', 'held', 'fence', 'inst', 'due', 'exp', 'att', 'sends', 'doubt', 'blk', 'reason',
  'detail', 'ended', 'poll', 'til', 'q', 'tb', 'wd'}
local function save(r)
  local set, gone = {}, {}
  for _, f in ipairs(CHANGING) do
    if r[f] ~= nil then set[#set + 1] = f; set[#set + 1] = r[f] else gone[#gone + 1] = f end
  end
  rcall('HSET', P .. 'j:' .. r.id, unpack(set))
  if #gone > 0 then rcall('HDEL', P .. 'j:' .. r.id, unpack(gone)) end
end

local function waits(r) return r.state == 'queued' or r.state == 'leased' or r.state == 'verifying' end
local function group(r) return P .. 'o:' .. r.route .. '\n' .. r.okey end

local function tally(r, n)
  count('s:' .. r.state, n)
  if waits(r) then count('waiting', n) end
  local what = r.state
  if r.state == 'queued' then what = r.q == '1' and r.lane or 'behind'
  elseif r.reason then what = 'dead:' .. r.reason
  elseif r.state == 'delivered' then return end
  count('r:' .. r.route .. '|' .. what, n)
end

-- Into every list and count that its state is about.
local function index(r)
  tally(r, 1)
  rcall('ZADD', P .. 's:' .. r.state, r.seq, r.id)
  if waits(r) then
    rcall('ZADD', P .. 'old', r.since, r.id)
    if r.held then
      rcall('SADD', P .. 'held:' .. r.inst, r.id)
      rcall('HINCRBY', P .. 'busy', r.route .. '/' .. r.lane, 1)
    else rcall('ZADD', P .. 'exp', r.exp + (r.state == 'verifying' and LAPSE or 0), r.id) end
  else
    rcall('ZADD', P .. (r.state == 'delivered' and 'done' or 'dead'), r.ended, r.id)
    if r.state == 'delivered' and r.hl then rcall('ZADD', P .. 'paid', r.seq, r.id) end
  end
  if r.okey then
    if r.state == 'queued' then rcall('ZADD', group(r) .. ':q', r.seq, r.id)
    elseif waits(r) or r.blk then rcall('SADD', group(r) .. ':h', r.id) end
  end
end

local function unindex(r)
  tally(r, -1)
  rcall('ZREM', P .. 's:' .. r.state, r.id)
  if waits(r) then
    rcall('ZREM', P .. 'old', r.id)
    if r.held then
      rcall('SREM', P .. 'held:' .. r.inst, r.id)
      local busy = r.route .. '/' .. r.lane
      if rcall('HINCRBY', P .. 'busy', busy, -1) <= 0 then rcall('HDEL', P .. 'busy', busy) end
    else rcall('ZREM', P .. 'exp', r.id) end
  else
    rcall('ZREM', P .. (r.state == 'delivered' and 'done' or 'dead'), r.id)
    if r.state == 'delivered' then rcall('ZREM', P .. 'paid', r.id) end
  end
  if r.okey then
    if r.state == 'queued' then
      rcall('ZREM', group(r) .. ':q', r.id)
      if r.q then rcall('DEL', group(r) .. ':f') end
    else rcall('SREM', group(r) .. ':h', r.id) end
  end
end
`;

/** After the functions of `bull.ts`. */
export const MOVES: string = `
-- Of equal order keys the first in line stands in a queue of BullMQ, and none while one of them is out or blocks.
local function order(r, now)
  if not r.okey then return end
  local g = group(r)
  local front = rcall('GET', g .. ':f')
  local want = false
  if rcall('SCARD', g .. ':h') == 0 then want = rcall('ZRANGE', g .. ':q', 0, 0)[1] or false end
  if front == want then return end
  if front then
    local one = load(front)
    leaveWaiting(one)
    unindex(one); one.q = nil; index(one); save(one)
  end
  if want then
    local one = load(want)
    unindex(one); one.q = '1'; index(one); save(one)
    enter(one, now, false)
    rcall('SET', g .. ':f', want)
  end
end

-- Out of everything, before it changes.
local function lift(r, now)
  if r.held then leaveLeased(r, now) elseif r.q then leaveWaiting(r) end
  unindex(r)
  r.q = nil; r.held = nil; r.inst = nil
end

-- Where its state puts it.
local function place(r, now, front)
  if r.state == 'verifying' or (r.state == 'queued' and not r.okey) then
    r.q = '1'
    enter(r, now, front)
  end
  index(r)
  save(r)
  order(r, now)
end

local function laneOf(r) return tonumber(r.sends) > 0 and 'retry' or 'first' end

local function drop(r, now)
  rcall('ZREM', P .. 'all', r.id)
  rcall('ZREM', P .. 'q:' .. r.rid, r.id)
  rcall('DEL', P .. 'j:' .. r.id, P .. 'b:' .. r.id, P .. 't:' .. r.id)
  count('bytes', -(ROW + (r.tb or 0) + (r.hl and (r.hl + r.size) or 0)))
  order(r, now)
end

-- Ends one that was lifted; no reason: it was delivered.
local function finish(r, now, reason, detail, blocks)
  r.state = not reason and 'delivered' or reason == 'cancelled' and 'cancelled' or 'dead'
  r.reason = reason or nil; r.detail = detail or nil; r.ended = now
  r.blk = blocks and r.okey and '1' or nil
  r.poll = nil; r.til = nil
  if r.origin == 'sync' then drop(r, now) else place(r, now) end
end

local function expire(r, now)
  lift(r, now)
  finish(r, now, 'expired', 'it was too old', r.blocks)
end

local function queueAgain(r, now, due, front)
  r.state = 'queued'; r.lane = laneOf(r); r.due = due
  r.reason = nil; r.detail = nil; r.ended = nil; r.blk = nil; r.poll = nil; r.til = nil; r.wd = nil
  place(r, now, front)
end

-- From whoever has it: due at once, and in doubt if it was being sent.
local function takeBack(r, now)
  lift(r, now)
  if r.state == 'leased' then
    r.doubt = '1'
    queueAgain(r, now, now, true)
  else
    r.due = math.min(tonumber(r.due), now)
    place(r, now, true)
  end
end

-- Some tries spend no attempt, so that nothing else bounds their number: beyond this many bytes the oldest go.
local function trimTries(r)
  while tonumber(r.tb or 0) > 4194304 do
    local one = rcall('LPOP', P .. 't:' .. r.id)
    if not one then return end
    r.tb = r.tb - #one
    count('bytes', -#one)
  end
end

local function addTries(r, from)
  for i = from, #ARGV do
    rcall('RPUSH', P .. 't:' .. r.id, ARGV[i])
    r.tb = (r.tb or 0) + #ARGV[i]
    count('bytes', #ARGV[i])
    r.sends = r.sends + 1
  end
  trimTries(r)
  return #ARGV - from + 1
end

-- For the list: what is null is false.
local function summary(r)
  return {r.id, r.route, r.state, r.reason or false, r.detail or false, r.rid, r.at, r.ended or false,
    not r.held and (r.state == 'queued' or r.state == 'verifying') and r.due or (r.state == 'verifying' and r.due) or false,
    r.exp, r.att, r.sends, r.origin, r.size}
end
`;
