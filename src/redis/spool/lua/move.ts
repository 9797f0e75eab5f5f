/**
 * In: now, the seq behind which it goes on, how many jobs at most, and bytes of bodies. Out: the time, the last seq or
 * -1 where there is none, and of each job its id, its record as names and values, head with body or false, and tries.
 */
export const GIVE_JOBS: string = `
local now = tick(ARGV[1])
local flat = rcall('ZRANGEBYSCORE', P .. 'all', '(' .. ARGV[2], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[3])
local jobs, last, bytes = {}, -1, 0
for i = 1, #flat, 2 do
  local id = flat[i]
  bytes = bytes + (rcall('HGET', P .. 'j:' .. id, 'size') or 0)
  if #jobs > 0 and bytes > tonumber(ARGV[4]) then break end
  last = tonumber(flat[i + 1])
  jobs[#jobs + 1] = {id, rcall('HGETALL', P .. 'j:' .. id), rcall('GET', P .. 'b:' .. id),
    rcall('LRANGE', P .. 't:' .. id, 0, -1)}
end
return {now, last, jobs}
`;

/**
 * In: now, id, head with body, number of tries, tries, then names and values of its record, of which due, exp, since,
 * ended and til are spans from now. Out: the time. One that is there stays.
 */
export const TAKE_JOB: string = `
local now = tick(ARGV[1])
local id = ARGV[2]
if rcall('EXISTS', P .. 'j:' .. id) == 1 then return {now} end
local r = {id = id}
local n = tonumber(ARGV[4])
for i = 5 + n, #ARGV, 2 do r[ARGV[i]] = ARGV[i + 1] end
for _, f in ipairs({'due', 'exp', 'since', 'ended', 'til'}) do if r[f] then r[f] = now + r[f] end end
rcall('ZADD', P .. 'all', r.seq, id)
if r.rid ~= id then rcall('ZADD', P .. 'q:' .. r.rid, r.seq, id) end
count('bytes', ROW)
if r.hl then
  rcall('SET', P .. 'b:' .. id, ARGV[3])
  count('bytes', #ARGV[3])
end
for i = 5, 4 + n do
  rcall('RPUSH', P .. 't:' .. id, ARGV[i])
  r.tb = (r.tb or 0) + #ARGV[i]
  count('bytes', #ARGV[i])
end
if tonumber(r.seq) > tonumber(rcall('GET', P .. 'seq') or 0) then rcall('SET', P .. 'seq', r.seq) end
place(r, now, false)
return {now}
`;

/** In: now, keys or answers, how many to leave out, how many at most. Out: the time, and of each its key and fields. */
export const GIVE_KEPT: string = `
local now = tick(ARGV[1])
local kept = {}
for _, key in ipairs(rcall('ZRANGE', P .. ARGV[2], ARGV[3], ARGV[3] + ARGV[4] - 1)) do
  kept[#kept + 1] = {string.sub(key, #P + 3), rcall('HGETALL', key)}
end
return {now, kept}
`;

/** In: now, route, hash, hash of the body, id, ms left. Out: the time. */
export const TAKE_KEY: string = String.raw`
local now = tick(ARGV[1])
local key = P .. 'k:' .. ARGV[2] .. '\n' .. ARGV[3]
if rcall('EXISTS', key) == 0 then
  rcall('HSET', key, 'body', ARGV[4], 'id', ARGV[5], 'til', now + ARGV[6])
  rcall('ZADD', P .. 'keys', now + ARGV[6], key)
end
return {now}
`;

/** In: now, how many of each at most. Lets go of them, of queues last. Out: the time, and 1 where there is more. */
export const EMPTY: string = `
local now = tick(ARGV[1])
local last = ARGV[2] - 1
local function some(set) return rcall('ZRANGE', P .. set, 0, last) end
local left = false
for _, id in ipairs(some('all')) do
  left = true
  local r = load(id)
  if r then lift(r, now); drop(r, now) else rcall('ZREM', P .. 'all', id) end
end
for _, key in ipairs(some('keys')) do left = true; rcall('DEL', key); rcall('ZREM', P .. 'keys', key) end
for _, key in ipairs(some('answers')) do
  left = true
  count('bytes', -(rcall('HGET', key, 'n') or 0))
  rcall('DEL', key); rcall('ZREM', P .. 'answers', key)
end
if left then return {now, 1} end
for _, q in ipairs(rcall('SMEMBERS', P .. 'queues')) do
  for _, key in ipairs({'wait', 'active', 'delayed', 'meta', 'id', 'events', 'marker', 'stalled', 'stalled-check', 'pc'}) do
    rcall('DEL', q .. key)
  end
end
rcall('DEL', P .. 'queues')
return {now, 0}
`;
