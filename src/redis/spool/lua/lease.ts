/**
 * In: now, route, lane, max jobs, max bytes, instance, ms of a lock. Out: the time, 1 where more is due, ms until the
 * next is (-1: none waits), summaries of the expired, and of each leased job its id, fence, request id, attempts, sends,
 * doubt, origin, order key or false, at, age, ms until it expires, then bytes of the head and head with body, or the
 * poll and ms left for it.
 */
export const CLAIM: string = `
local now = tick(ARGV[1])
local route, lane, max, maxBytes = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local q = queueOf(route, lane)
local jobs, expired, size, rest = {}, {}, 0, false
for _ = 1, max do
  local id = peek(q, now)
  if not id then break end
  local r = load(id)
  if r and lane ~= 'verify' and #jobs > 0 and size + r.size > maxBytes then break end
  local fence = rcall('INCR', P .. 'fence')
  if lockNext(q, now, tostring(fence), tonumber(ARGV[7])) ~= id then rest = true; break end
  if not r then leaveLeased({id = id, route = route, lane = lane}, now)
  else
    local content = lane == 'verify' and r.poll or rcall('GET', P .. 'b:' .. id)
    unindex(r)
    r.held = '1'; r.inst = ARGV[6]; r.fence = tostring(fence); r.q = nil
    if lane ~= 'verify' then r.state = 'leased' end
    index(r); save(r)
    if lane ~= 'verify' and tonumber(r.exp) <= now then
      expire(r, now)
      expired[#expired + 1] = summary(r)
    elseif not content then
      lift(r, now)
      finish(r, now, 'cancelled', 'its payload was lost', false)
      expired[#expired + 1] = summary(r)
    else
      size = size + r.size
      local more = lane == 'verify' and r.til - now or content
      jobs[#jobs + 1] = {id, fence, r.rid, r.att, r.sends, r.doubt, r.origin, r.okey or false, r.at, now - r.since,
        r.exp - now, lane == 'verify' and content or r.hl, more}
    end
  end
end
local id, at = peek(q, now)
return {now, id and not rest and 1 or 0, not id and at and at - now or rest and 1000 or -1, expired, jobs}
`;

/**
 * In: now, id, fence, kind, three values of it, tries. Of `again`: delay, spent, doubt; of `verifying`: poll, delay, ms
 * in all or empty; of `dead`: reason, detail, release. Out: the time, and 1 where it was this lease.
 */
export const SETTLE: string = `
local now = tick(ARGV[1])
local kind, a, b, c = ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local r = load(ARGV[2])
if r and r.state == 'cancelled' and r.wd == ARGV[3] and #ARGV >= 8 then
  r.wd = nil
  addTries(r, 8)
  if kind == 'again' and c == '1' then r.doubt = '1' end
  save(r)
end
if not r or not r.held or r.fence ~= ARGV[3] then return {now, 0} end
local asked = r.state == 'verifying'
lift(r, now)
local n = addTries(r, 8)
if kind == 'again' then
  local back = n == 0 and a == '0' and not asked
  r.att = r.att + b; r.doubt = c
  queueAgain(r, now, back and r.due or now + a, back)
elseif kind == 'verifying' then
  r.state = 'verifying'; r.lane = 'verify'; r.poll = a; r.due = now + b
  if c ~= '' then r.til = now + c end
  place(r, now, false)
else
  if n > 0 or asked then r.att = r.att + 1 end
  if kind == 'dead' then finish(r, now, a, b ~= '' and b or nil, c == '0') else finish(r, now) end
end
return {now, 1}
`;

/** In: now, instance, then id and fence of each lease that it has. Others of its leases are taken back. Out: the time. */
export const HOLD: string = `
local now = tick(ARGV[1])
local kept = {}
for i = 3, #ARGV, 2 do kept[ARGV[i]] = ARGV[i + 1] end
local held = P .. 'held:' .. ARGV[2]
for _, id in ipairs(rcall('SMEMBERS', held)) do
  local r = load(id)
  if not r then rcall('SREM', held, id)
  elseif kept[id] ~= r.fence then takeBack(r, now) end
end
return {now}
`;

/**
 * In: now, ms of a lock, instance, then id and fence of each lease. Says that the instance is there. Out: the time, and
 * the ids that are no longer these leases.
 */
export const RENEW: string = `
local now = tick(ARGV[1])
local lost = {}
rcall('ZADD', P .. 'up', rcall('TIME')[1], ARGV[3])
for i = 4, #ARGV, 2 do
  local r = rcall('HMGET', P .. 'j:' .. ARGV[i], 'held', 'fence', 'route', 'lane')
  if r[1] and r[2] == ARGV[i + 1] then
    local q = queueOf(r[3], r[4])
    -- A lock that has run out is taken again where nobody has found it so.
    rcall('SET', q .. ARGV[i] .. ':lock', r[2], 'PX', ARGV[2], 'NX')
    extend(q, ARGV[i], r[2], ARGV[2])
  else lost[#lost + 1] = ARGV[i] end
end
return {now, lost}
`;

/** In: now, ms between two checks of a queue, route, lane. Takes back what nobody renewed. Out: the time, their number. */
export const STALLED: string = `
local now = tick(ARGV[1])
local q = queueOf(ARGV[3], ARGV[4])
local ids = stalledOf(q, now, tonumber(ARGV[2]))
for _, id in ipairs(ids) do
  local r = load(id)
  -- BullMQ has put it back; here it enters anew, so that its record and its queue agree.
  leaveWaiting({id = id, route = ARGV[3], lane = ARGV[4]})
  if r and r.held then
    unindex(r)
    r.held = nil; r.inst = nil
    if r.state == 'leased' then r.doubt = '1'; queueAgain(r, now, now, true)
    else r.due = math.min(tonumber(r.due), now); place(r, now, true) end
  end
end
return {now, #ids}
`;
