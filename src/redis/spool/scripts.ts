import { createHash } from "node:crypto";
import type { Cluster, Redis } from "ioredis";
import { BULL, BULL_ACTIVE, BULL_STALLED } from "./lua/bull.ts";
import { CLAIM, HOLD, RENEW, SETTLE, STALLED } from "./lua/lease.ts";
import { FIND, LIST, OPEN, SURVEY } from "./lua/look.ts";
import { EMPTY, GIVE_JOBS, GIVE_KEPT, TAKE_JOB, TAKE_KEY } from "./lua/move.ts";
import { PUT } from "./lua/put.ts";
import { MOVES, RECORD } from "./lua/record.ts";
import { CHANGE, RECALL, REMEMBER, SWEEP } from "./lua/tend.ts";

/** Each verb of the port is one script: what it does is done whole or not at all. What goes in and out stands with each. */
const SCRIPTS = {
  put: BULL + MOVES + PUT,
  claim: BULL + BULL_ACTIVE + MOVES + CLAIM,
  settle: BULL + MOVES + SETTLE,
  hold: BULL + MOVES + HOLD,
  renew: BULL + BULL_STALLED + RENEW,
  stalled: BULL + BULL_STALLED + MOVES + STALLED,
  change: BULL + MOVES + CHANGE,
  sweep: BULL + MOVES + SWEEP,
  remember: REMEMBER,
  recall: RECALL,
  giveJobs: GIVE_JOBS,
  takeJob: BULL + MOVES + TAKE_JOB,
  giveKept: GIVE_KEPT,
  takeKey: TAKE_KEY,
  empty: BULL + MOVES + EMPTY,
  open: OPEN,
  find: BULL + MOVES + FIND,
  list: BULL + MOVES + LIST,
  survey: SURVEY,
};
export type ScriptName = keyof typeof SCRIPTS;

const READY = new Map(
  Object.entries(SCRIPTS).map(([name, text]) => {
    const lua = RECORD + text;
    return [name, { lua, sha: createHash("sha1").update(lua).digest("hex") }] as const;
  }),
);

export type Arg = string | number | Buffer;
/** As Redis gives it: texts are bytes, null and false are null. */
export type Reply = Buffer | number | null | readonly Reply[];

export type RunScript = (name: ScriptName, args: readonly Arg[]) => Promise<readonly Reply[]>;

/** What a cluster has as well, though its types do not say so. */
interface Evaluator {
  evalshaBuffer(sha: string, keys: number, ...args: Arg[]): Promise<unknown>;
  evalBuffer(lua: string, keys: number, ...args: Arg[]): Promise<unknown>;
}

/** Runs the scripts; a server that does not know one, as after a failover, is sent its text. */
export function createRunner(client: Redis | Cluster, prefix: string): RunScript {
  const evaluator = client as unknown as Evaluator;
  return async (name, args) => {
    const script = READY.get(name);
    if (script === undefined) throw new Error(`no script ${name}`);
    try {
      return (await evaluator.evalshaBuffer(script.sha, 1, prefix, ...args)) as readonly Reply[];
    } catch (error) {
      // It was not run: so nothing is done twice.
      if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
      return (await evaluator.evalBuffer(script.lua, 1, prefix, ...args)) as readonly Reply[];
    }
  };
}
