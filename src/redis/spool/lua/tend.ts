/** In: now, the act, ids. Out: the time, and summaries of those that it was done to, as they were before. */
export const CHANGE: string = `
local now = tick(ARGV[1])
local FROM = {
  retry = {dead = true, cancelled = true},
  resend = {delivered = true, verifying = true},
  cancel = {queued = true, leased = true, verifying = true},
  delete = {dead = true, cancelled = true},
}
local act = ARGV[2]
local changed = {}
for i = 3, #ARGV do
  local r = load(ARGV[i])
  local able = r and FROM[act][r.state] and not (act == 'resend' and r.origin == 'sync')
  if able and (r.hl or act == 'delete' or r.origin == 'sync') then
    changed[#changed + 1] = summary(r)
    -- Whoever had it may still say what it had sent by then.
    if act == 'cancel' and r.state == 'leased' then r.wd = r.fence end
    lift(r, now)
    if act == 'delete' then drop(r, now)
    elseif act == 'cancel' then finish(r, now, 'cancelled', 'by an operator', false)
    else
      r.att = 0; r.exp = now + r.age
      queueAgain(r, now, now, false)
    end
  end
end
return {now, changed}
`;

/**
 * In: now, ms that delivered jobs are kept, and dead ones, how many of each at once. Out: the time, summaries of the
 * expired, and of those whose verification lapsed as they were, and 1 where there is more to do.
 */
export const SWEEP: string = `
local now = tick(ARGV[1])
local step = tonumber(ARGV[4])
local expired, lapsed, more = {}, {}, 0
local function due(set, before, act)
  local ids = rcall('ZRANGEBYSCORE', P .. set, '-inf', before, 'LIMIT', 0, step)
  if #ids == step then more = 1 end
  for _, id in ipairs(ids) do act(id, P .. set) end
end
due('exp', now, function(id, set)
  local r = load(id)
  if not r then return rcall('ZREM', set, id) end
  if r.state == 'verifying' then lapsed[#lapsed + 1] = summary(r) end
  expire(r, now)
  if r.origin ~= 'sync' then expired[#expired + 1] = summary(r) end
end)
local function letGo(id, set)
  local r = load(id)
  if not r then return rcall('ZREM', set, id) end
  unindex(r)
  drop(r, now)
end
due('done', now - ARGV[2], letGo)
due('dead', now - ARGV[3], letGo)
due('keys', now, function(key, set) rcall('DEL', key); rcall('ZREM', set, key) end)
due('answers', now, function(key, set)
  count('bytes', -(rcall('HGET', key, 'n') or 0))
  rcall('DEL', key); rcall('ZREM', set, key)
end)
return {now, expired, lapsed, more}
`;

/** In: now, route, hash, hash of the body, ms it is kept, status, headers, outcome, body. Out: the time. */
export const REMEMBER: string = String.raw`
local now = tick(ARGV[1])
local key = P .. 'a:' .. ARGV[2] .. '\n' .. ARGV[3]
local n = #ARGV[7] + #ARGV[9] + ROW
count('bytes', n - (rcall('HGET', key, 'n') or 0))
rcall('HSET', key, 'body', ARGV[4], 'til', now + ARGV[5], 'status', ARGV[6], 'headers', ARGV[7], 'outcome', ARGV[8],
  'content', ARGV[9], 'n', n)
rcall('ZADD', P .. 'answers', now + ARGV[5], key)
return {now}
`;

/** In: now, route, hash. Out: the time, then the hash of the body, status, headers, outcome and body, where it is known. */
export const RECALL: string = String.raw`
local now = tick(ARGV[1])
local f = rcall('HMGET', P .. 'a:' .. ARGV[2] .. '\n' .. ARGV[3], 'til', 'body', 'status', 'headers', 'outcome', 'content')
if not f[1] or tonumber(f[1]) <= now then return {now} end
return {now, f[2], f[3], f[4], f[5], f[6]}
`;
