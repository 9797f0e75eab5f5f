/**
 * The scripts by which replicas decide. Each touches few keys, all in one slot, and runs in microseconds; none keeps
 * anything held between two calls. Times come from the clock of Redis, so that nobody else's matters.
 *
 * Keys: `meta`, a hash of `epoch` (names this memory) and `rev` (counts changes); `held`, a hash from a register's name to
 * "version id at value"; `order`, a sorted set of names by the `rev` of their newest change; `objections`, a sorted set of
 * "replica about" by the time at which each lapses.
 */
export interface Script {
  readonly lua: string;
  readonly keys: number;
}

const CLOCK = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function text(n) return string.format('%.0f', n) end
`;

const PARTS = `
local function parts(raw)
  local version, id, at, value = string.match(raw, '^(%d+) (%S+) (%-?%d+) (.*)$')
  return tonumber(version), id, tonumber(at), value
end
`;

/**
 * KEYS meta, held, order. ARGV name, id, from, value, age in ms, epoch to begin with, most registers, channel.
 * Answers [1, version] where it is in force, now or since an earlier call with the same id, and
 * [0, version, id, age in ms, value] of what is instead, version 0 for nothing. Over the most, the oldest change is let go.
 */
export const PROPOSE: Script = {
  keys: 3,
  lua: `${CLOCK}${PARTS}
local name, id, from = ARGV[1], ARGV[2], tonumber(ARGV[3])
local raw = redis.call('HGET', KEYS[2], name)
local version = 0
if raw then
  local own, at, value
  version, own, at, value = parts(raw)
  if own == id then return {1, version} end
  if version ~= from then return {0, version, own, text(math.max(now - at, 0)), value} end
elseif from ~= 0 then
  return {0, 0, '', '0', ''}
end
redis.call('HSETNX', KEYS[1], 'epoch', ARGV[6])
local rev = redis.call('HINCRBY', KEYS[1], 'rev', 1)
redis.call('HSET', KEYS[2], name, text(version + 1) .. ' ' .. id .. ' ' .. text(now - tonumber(ARGV[5])) .. ' ' .. ARGV[4])
redis.call('ZADD', KEYS[3], rev, name)
if redis.call('ZCARD', KEYS[3]) > tonumber(ARGV[7]) then
  local oldest = redis.call('ZPOPMIN', KEYS[3])
  redis.call('HDEL', KEYS[2], oldest[1])
end
redis.call('PUBLISH', ARGV[8], id)
return {1, version + 1}
`,
};

/**
 * KEYS meta, held, order, objections. ARGV since, most registers of one answer. Changes nothing.
 * Answers [epoch, newest rev, rev of the last one here, [name, version, id, age in ms, value, …], [objection, …]].
 */
export const READ: Script = {
  keys: 4,
  lua: `${CLOCK}${PARTS}
local epoch = redis.call('HGET', KEYS[1], 'epoch') or ''
local newest = redis.call('HGET', KEYS[1], 'rev') or '0'
local found = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local changes, upto = {}, ARGV[1]
for i = 1, #found, 2 do
  upto = found[i + 1]
  local raw = redis.call('HGET', KEYS[2], found[i])
  if raw then
    local version, id, at, value = parts(raw)
    for _, part in ipairs({found[i], text(version), id, text(math.max(now - at, 0)), value}) do table.insert(changes, part) end
  end
end
if #found < tonumber(ARGV[2]) * 2 then upto = newest end
return {epoch, newest, upto, changes, redis.call('ZRANGEBYSCORE', KEYS[4], '(' .. text(now), '+inf', 'LIMIT', 0, 1000)}
`,
};

/**
 * KEYS objections. ARGV objection, for how many ms (0 takes it back), most objections, channel.
 * Says so to the others where it is new or gone; the same call again only moves the time at which it lapses.
 */
export const OBJECT: Script = {
  keys: 1,
  lua: `${CLOCK}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', text(now))
local ms = tonumber(ARGV[2])
local changed
if ms > 0 then
  changed = redis.call('ZADD', KEYS[1], text(now + ms), ARGV[1])
  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[3]))
else
  changed = redis.call('ZREM', KEYS[1], ARGV[1])
end
if changed == 1 then redis.call('PUBLISH', ARGV[4], '') end
return changed
`,
};

/**
 * KEYS one answer. ARGV owner, hash of the body, for how many ms the request may run.
 * Answers ['mine'] for the first request of a key, the same one again included; else what is kept: ['running', hash of its
 * body], or ['kept', the answer].
 */
export const CLAIM: Script = {
  keys: 1,
  lua: `
local found = redis.call('GET', KEYS[1])
local own = 'r ' .. ARGV[1] .. ' ' .. ARGV[2]
if not found then
  redis.call('SET', KEYS[1], own, 'PX', ARGV[3])
  return {'mine'}
end
if found == own then return {'mine'} end
if string.sub(found, 1, 2) == 'r ' then return {'running', string.match(found, '^r %S+ (%S+)$')} end
return {'kept', string.sub(found, 3)}
`,
};

/** KEYS one answer. ARGV the answer, for how many ms. One that is kept already stays: the first counts. */
export const KEEP: Script = {
  keys: 1,
  lua: `
local found = redis.call('GETRANGE', KEYS[1], 0, 1)
if found == 'a ' then return 0 end
redis.call('SET', KEYS[1], 'a ' .. ARGV[1], 'PX', ARGV[2])
return 1
`,
};

/** KEYS one answer. ARGV owner, hash of the body. Lets go of a claim, if it is still the owner's. */
export const FREE: Script = {
  keys: 1,
  lua: `
if redis.call('GET', KEYS[1]) ~= 'r ' .. ARGV[1] .. ' ' .. ARGV[2] then return 0 end
return redis.call('DEL', KEYS[1])
`,
};
