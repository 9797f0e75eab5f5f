import { addDelayedJob } from "bullmq/dist/esm/scripts/addDelayedJob-6.js";
import { addStandardJob } from "bullmq/dist/esm/scripts/addStandardJob-9.js";
import { extendLock } from "bullmq/dist/esm/scripts/extendLock-2.js";
import { moveStalledJobsToWait } from "bullmq/dist/esm/scripts/moveStalledJobsToWait-9.js";
import { moveToActive } from "bullmq/dist/esm/scripts/moveToActive-11.js";
import { moveToFinished } from "bullmq/dist/esm/scripts/moveToFinished-14.js";

/**
 * The engine: scripts of BullMQ as functions inside ours, so that one of our verbs is one script, done whole or not at
 * all. A queue of BullMQ is one lane of one route, `{prefix}bull:{app}/{capability}/{lane}`, and a job in it bears the
 * job's own id; it is there while the job waits or is leased, and gone with its end.
 */

const own = (name: string, script: { readonly content: string }): string =>
  `local function ${name}(KEYS, ARGV)\n${script.content}\nend\n`;

/** Length of each queue's stream of events, which nobody here reads. */
const EVENTS = 100;

/** Adds a job to its queue, and takes one out of it. */
export const BULL: string =
  own("bullAddDelayed", addDelayedJob) +
  own("bullAddStandard", addStandardJob) +
  own("bullFinish", moveToFinished) +
  `
-- The keys of a queue begin with this.
local function queueOf(route, lane) return P .. 'bull:' .. route .. '/' .. lane .. ':' end

-- Queues that are known to be there, in this script.
local opened = {}

-- Into the queue of its lane, due at r.due; with front, before all that wait there.
local function enter(r, now, front)
  local q = queueOf(r.route, r.lane)
  if not opened[q] and rcall('HSETNX', q .. 'meta', 'opts.maxLenEvents', ${EVENTS}) == 1 then
    rcall('SADD', P .. 'queues', q)
  end
  opened[q] = true
  local args = cmsgpack.pack({q, r.id, 'delivery', now})
  local due = tonumber(r.due)
  if due > now then
    bullAddDelayed({q .. 'marker', q .. 'meta', q .. 'id', q .. 'delayed', q .. 'completed', q .. 'events'},
      {args, '{}', cmsgpack.pack({delay = due - now, attempts = 1})})
  else
    bullAddStandard({q .. 'wait', q .. 'paused', q .. 'meta', q .. 'id', q .. 'completed', q .. 'delayed',
      q .. 'active', q .. 'events', q .. 'marker'},
      {args, '{}', cmsgpack.pack({lifo = front and true or false, attempts = 1})})
  end
end

-- Out of its queue, where it waits. From the end where the longest waiting are: BullMQ's own way looks at all of them.
local function leaveWaiting(r)
  local q = queueOf(r.route, r.lane)
  if rcall('ZREM', q .. 'delayed', r.id) == 0 then rcall('LREM', q .. 'wait', -1, r.id) end
  rcall('DEL', q .. r.id)
end

-- Out of its queue, where it is leased. Whose lease it is was asked before: a lock that ran out unseen is none's.
local function leaveLeased(r, now)
  local q = queueOf(r.route, r.lane)
  rcall('DEL', q .. r.id .. ':lock')
  rcall('SREM', q .. 'stalled', r.id)
  bullFinish({q .. 'wait', q .. 'active', q .. 'prioritized', q .. 'events', q .. 'stalled', q .. 'limiter',
    q .. 'delayed', q .. 'paused', q .. 'meta', q .. 'pc', q .. 'completed', q .. r.id, q .. 'metrics:completed',
    q .. 'marker'},
    {r.id, now, 'returnvalue', 'null', 'completed', '0', q,
      cmsgpack.pack({token = '0', keepJobs = {count = 0}, attempts = 1, maxMetricsSize = ''}), ''})
end
`;

/** Leases the next job of a queue. */
export const BULL_ACTIVE: string =
  own("bullActive", moveToActive) +
  `
-- The longest due of a queue, or nil and when the next one is.
local function peek(q, now)
  local id = rcall('LINDEX', q .. 'wait', -1)
  if id then return id end
  local next = rcall('ZRANGE', q .. 'delayed', 0, 0, 'WITHSCORES')
  if not next[1] then return nil, nil end
  local at = math.floor(tonumber(next[2]) / 0x1000)
  if at <= now then return next[1] end
  return nil, at
end

-- Locks the next job for the token; false where the queue is paused by hand.
local function lockNext(q, now, token, lockMs)
  local got = bullActive({q .. 'wait', q .. 'active', q .. 'prioritized', q .. 'events', q .. 'stalled', q .. 'limiter',
    q .. 'delayed', q .. 'paused', q .. 'meta', q .. 'pc', q .. 'marker'},
    {q, now, cmsgpack.pack({token = token, lockDuration = lockMs})})
  return got[2] ~= 0 and got[2]
end
`;

/** Finds what nobody renewed, and renews. */
export const BULL_STALLED: string =
  own("bullStalled", moveStalledJobsToWait) +
  own("bullExtend", extendLock) +
  `
-- Ids whose lock has run out; they wait again. However often that happened, BullMQ is not to fail one for it.
local function stalledOf(q, now, everyMs)
  return bullStalled({q .. 'stalled', q .. 'wait', q .. 'active', q .. 'stalled-check', q .. 'meta', q .. 'paused',
    q .. 'marker', q .. 'events', q .. 'repeat'}, {2 ^ 31, q, now, everyMs})
end

local function extend(q, id, token, lockMs)
  return bullExtend({q .. id .. ':lock', q .. 'stalled'}, {token, lockMs, id})
end
`;
