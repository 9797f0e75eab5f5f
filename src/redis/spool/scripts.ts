import { createHash } from "node:crypto";
import type { Cluster, Redis } from "ioredis";
import { BASE } from "./lua/base.ts";
import { BULL, BULL_ACTIVE, BULL_STALLED } from "./lua/bull.ts";
import { CLAIM, HOLD, RENEW, SETTLE, STALLED } from "./lua/lease.ts";
import { FIND, LIST, OPEN, SURVEY } from "./lua/look.ts";
import { EMPTY, GIVE_JOBS, GIVE_KEPT, TAKE_JOB, TAKE_KEY } from "./lua/move.ts";
import { PUT } from "./lua/put.ts";
import { MOVES, RECORD } from "./lua/record.ts";
import { CHANGE, RECALL, REMEMBER, SWEEP } from "./lua/tend.ts";

/** Each verb of the port is one script: what it does is done whole or not at all. What goes in and out stands with each. */
const SCRIPTS = {
  put: { library: BULL + MOVES, verb: PUT },
  claim: { library: BULL + BULL_ACTIVE + MOVES, verb: CLAIM },
  settle: { library: BULL + MOVES, verb: SETTLE },
  hold: { library: BULL + MOVES, verb: HOLD },
  renew: { library: BULL + BULL_STALLED, verb: RENEW },
  stalled: { library: BULL + BULL_STALLED + MOVES, verb: STALLED },
  change: { library: BULL + MOVES, verb: CHANGE },
  sweep: { library: BULL + MOVES, verb: SWEEP },
  remember: { library: "", verb: REMEMBER },
  recall: { library: "", verb: RECALL },
  giveJobs: { library: "", verb: GIVE_JOBS },
  takeJob: { library: BULL + MOVES, verb: TAKE_JOB },
  giveKept: { library: "", verb: GIVE_KEPT },
  takeKey: { library: "", verb: TAKE_KEY },
  empty: { library: BULL + MOVES, verb: EMPTY },
  open: { library: "", verb: OPEN },
  find: { library: BULL + MOVES, verb: FIND },
  list: { library: BULL + MOVES, verb: LIST },
  survey: { library: "", verb: SURVEY },
};
export type ScriptName = keyof typeof SCRIPTS;

/** What was done until an error is counted, too. */
const END = `
local well, reply = pcall(main)
writeCounts()
if not well then error(reply) end
return reply
`;

const READY = new Map(
  Object.entries(SCRIPTS).map(([name, text]) => {
    const lua = `${BASE}${RECORD}${text.library}\nlocal function main()${text.verb}end\n${END}`;
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
