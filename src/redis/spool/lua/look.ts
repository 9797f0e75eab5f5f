/**
 * In: what Redis's clock is taken to say, or empty for what it says. Out: the store's time now. It goes on from where it
 * was by what went by on that clock since, and stands still where that was set back.
 */
export const OPEN: string = `
local last = rcall('HMGET', P .. 'clock', 'now', 'at')
local server = rcall('TIME')
local ms = ARGV[1] ~= '' and tonumber(ARGV[1]) or server[1] * 1000 + math.floor(server[2] / 1000)
if not last[1] then return {ms} end
return {last[1] + math.max(0, ms - last[2])}
`;

/** In: now, id. Out: the time, then of a known job its summary, fields, head with body and tries. */
export const FIND: string = `
local now = tick(ARGV[1])
local r = load(ARGV[2])
if not r then return {now} end
return {now, summary(r), r.okey or false, r.doubt, r.poll or false, r.til or false, r.hl or false,
  rcall('GET', P .. 'b:' .. r.id), rcall('LRANGE', P .. 't:' .. r.id, 0, -1)}
`;

/**
 * In: now, limit, cursor or empty, how many are looked at at most, states by comma, app, capability, reason, request
 * id, since, until (in the time of people), empty where it does not matter, and how far that time is ahead of the
 * store's. Out: the time, the next cursor or -1, summaries. Newest first.
 */
export const LIST: string = `
local now = tick(ARGV[1])
local limit, step = tonumber(ARGV[2]), tonumber(ARGV[4])
local below = ARGV[3] ~= '' and '(' .. ARGV[3] or '+inf'
local app, capability, reason, rid = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local since, before, ahead = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
local wanted, sets = {}, {}
for state in string.gmatch(ARGV[5], '%a+') do
  wanted[state] = true
  sets[#sets + 1] = P .. 's:' .. state
end
if #sets == 0 then sets[1] = P .. 'all' end
if rid ~= '' then sets = {P .. 'q:' .. rid} end
local found = {}
for _, set in ipairs(sets) do
  local flat = rcall('ZREVRANGEBYSCORE', set, below, '-inf', 'WITHSCORES', 'LIMIT', 0, step)
  for i = 1, #flat, 2 do found[#found + 1] = {flat[i], tonumber(flat[i + 1])} end
end
table.sort(found, function(a, b) return a[2] > b[2] end)
local items = {}
for i, one in ipairs(found) do
  if #items == limit or i > step then return {now, found[i - 1][2], items} end
  local r = load(one[1])
  if r and (ARGV[5] == '' or wanted[r.state]) and (reason == '' or r.reason == reason) then
    local a, c = string.match(r.route, '^([^/]*)/(.*)$')
    local at = tonumber(r.at)
    if r.state == 'dead' or r.state == 'cancelled' then at = r.ended + ahead end
    if (app == '' or a == app) and (capability == '' or c == capability) and (not since or at >= since)
      and (not before or at < before) then items[#items + 1] = summary(r) end
  end
end
return {now, #found >= step and found[#found][2] or -1, items}
`;

/**
 * In: now, and what routes of our own begin with. Out: the time, all counts by name, and when the oldest of an app that
 * has not ended was accepted, or false. Of our own there are few: it is found, or nearly so.
 */
export const SURVEY: string = `
local now = tick(ARGV[1])
local function oldest()
  for from = 0, 1900, 100 do
    local flat = rcall('ZRANGE', P .. 'old', from, from + 99, 'WITHSCORES')
    for i = 1, #flat, 2 do
      local r = load(flat[i])
      if r and string.sub(r.route, 1, #ARGV[2]) ~= ARGV[2] then return flat[i + 1] end
    end
    if #flat == 0 then return false end
  end
  return false
end
return {now, rcall('HGETALL', COUNTS), oldest()}
`;
