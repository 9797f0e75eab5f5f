/** What every script begins with: the store's time, and counts, which are written with every change. */
export const BASE: string = `
local P = KEYS[1]
local rcall = redis.call
local COUNTS = P .. 'counts'
local ROW = 512
local LAPSE = 60000
-- Somebody asks each second: where nobody did for so long, Redis was away.
local AWAY = 3000

local function serverMs()
  local server = rcall('TIME')
  return server[1] * 1000 + math.floor(server[2] / 1000)
end

-- The time of the store: goes on with the fastest of those who use it, and never back.
local function tick(now)
  now = tonumber(now)
  local before = rcall('HMGET', P .. 'clock', 'now', 'at')
  local last = tonumber(before[1] or 0)
  if last > now then now = last end
  local server = serverMs()
  if before[2] and server - before[2] > AWAY then rcall('HSET', P .. 'clock', 'back', server) end
  rcall('HSET', P .. 'clock', 'now', now, 'at', server)
  return now
end

-- What one script adds to the counts is written at its end, once for each: of many jobs most of it is the same.
local pending, stored = {}, {}
local function count(field, n) pending[field] = (pending[field] or 0) + n end
local function counted(field)
  if not stored[field] then stored[field] = tonumber(rcall('HGET', COUNTS, field) or 0) end
  return stored[field] + (pending[field] or 0)
end
local function writeCounts()
  for field, n in pairs(pending) do
    if n ~= 0 and rcall('HINCRBY', COUNTS, field, n) == 0 then rcall('HDEL', COUNTS, field) end
  end
end
`;
