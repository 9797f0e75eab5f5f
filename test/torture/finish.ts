import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Asking, ask } from "./admin.ts";
import type { AppNews, AppOrder } from "./app.program.ts";
import type { ClientsNews, ClientsOrder, ClientsTally } from "./clients.program.ts";
import { type Dead, type Facts, machineMs } from "./facts.ts";
import type { Program } from "./program.ts";
import { pause, type Rack, within } from "./rack.ts";
import type { RunOptions } from "./run.ts";
import { judge, type Verdict } from "./verdict.ts";
import type { Violation } from "./violation.ts";

/** How a run ends: no more requests, an app that is well, all delivered; and then the verdict. */

export interface Report {
  readonly scenario: string;
  readonly verdict: Verdict;
  readonly violations: readonly Violation[];
  readonly kills: number;
  readonly startKills: number;
  readonly tally: ClientsTally;
  /** From the last request to the last delivery. */
  readonly drainMs: number;
  /** Where the data of a run that failed is; else null. */
  readonly kept: string | null;
}

/** What is under way. Clients and racks are as many as there are sidecars. */
export interface Running {
  readonly app: Program<AppOrder, AppNews>;
  readonly clients: readonly Program<ClientsOrder, ClientsNews>[];
  readonly racks: readonly Rack[];
  /** What went wrong so far, and will. */
  readonly broken: Violation[];
}

export interface Finished extends Pick<Running, "racks" | "broken"> {
  readonly tally: ClientsTally;
  readonly dead: readonly Dead[];
  readonly drainMs: number;
  /** Null where no sidecar came up to be asked. */
  readonly asking: Asking | null;
}

const DRAIN_MS = 180_000;
const DRAIN_LOOK_MS = 100;
const FINISH_MS = 60_000;
/** Of what is lost, this many are asked about: the state is for people. */
const ASKED = 20;

/** An act that fails is a violation, and the run goes on: what was acknowledged is judged all the same. */
export async function guard(broken: Violation[], act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    broken.push({ kind: "process", evidence: error instanceof Error ? error.message : String(error) });
  }
}

export async function finish({ app, clients, racks, broken }: Running): Promise<Finished> {
  for (const one of clients) one.tell({ kind: "finish" });
  const told = Promise.all(clients.map((one) => one.heard("finished")));
  const tally = sumOf((await within(FINISH_MS, "the clients did not finish", told)).map((news) => news.tally));
  app.tell({ kind: "recover" });
  const stoppedAt = machineMs();
  let dead: readonly Dead[] = [];
  let asking: Asking | null = null;
  await guard(broken, async () => {
    for (const rack of racks) await rack.up();
    const [rack] = racks as [Rack];
    const { sidecar } = rack;
    asking = ask(await sidecar.current().ready, sidecar.proxyUrl, sidecar.dataDir);
    await drain(asking, rack).catch((error: Error) => broken.push({ kind: "process", evidence: error.message }));
    dead = await asking.dead();
  });
  const drainMs = machineMs() - stoppedAt;
  app.tell({ kind: "finish" });
  await within(FINISH_MS, "the app did not finish", app.heard("finished"));
  return { racks, broken, tally, dead, drainMs, asking };
}

/** Judges the facts. Of a run in which something was broken the folder is kept, and named in the report. */
export async function judged(
  scenario: string,
  facts: Facts,
  { racks, broken, tally, asking, drainMs }: Finished,
  options: RunOptions,
  dir: string,
): Promise<Report> {
  const sum = (count: (rack: Rack) => number): number => racks.reduce((n, rack) => n + count(rack), 0);
  const kills = sum((rack) => rack.kills);
  const verdict = judge(facts);
  const told = await Promise.all(verdict.violations.map((one, n) => withState(one, n < ASKED ? asking : null)));
  const seen = racks.flatMap((rack) => rack.violations);
  const violations = [...broken, ...seen, ...odd(tally), ...shortfall(tally, kills, options), ...told];
  const failed = violations.length > 0;
  if (failed) {
    const { lives, outages, dead } = facts;
    const all = { seed: options.seed, violations, lives, outages, dead };
    writeFileSync(join(dir, "violations.json"), `${JSON.stringify(all, null, 1)}\n`);
  }
  const startKills = sum((rack) => rack.startKills);
  return { scenario, verdict, violations, kills, startKills, tally, drainMs, kept: failed ? dir : null };
}

async function drain(asking: Asking, rack: Rack): Promise<void> {
  const until = machineMs() + DRAIN_MS;
  let said = false;
  for (;;) {
    // A store that has just failed may not know how much it holds.
    const left = await asking.unfinished().catch((error: Error) => error.message);
    if (!said) rack.say(`the app is well; ${left} to be delivered yet`);
    said = true;
    if (left === 0) return;
    if (machineMs() > until) throw new Error(`${DRAIN_MS / 1000} s after all was well, to be delivered yet: ${left}`);
    await pause(DRAIN_LOOK_MS);
  }
}

async function withState(violation: Violation, asking: Asking | null): Promise<Violation> {
  if (violation.id === undefined || asking === null) return violation;
  const told = await asking.told(violation.id).catch((error: Error) => error.message);
  return { ...violation, evidence: `${violation.evidence}; its caller is told ${told}` };
}

function odd({ odd: answers }: ClientsTally): Violation[] {
  return answers.map((evidence) => ({ kind: "answer", evidence }));
}

/** A short run makes do with what the machine can; one that is to prove something does not. */
function shortfall(tally: ClientsTally, kills: number, { rate, short, kills: wanted }: RunOptions): Violation[] {
  const reached = rateOf(tally);
  if (short || reached >= rate) return [];
  return [
    {
      kind: "load",
      evidence: `clients sent ${reached.toFixed(0)} requests/s of ${rate}, killed ${kills} of ${wanted}`,
    },
  ];
}

function sumOf(tallies: readonly ClientsTally[]): ClientsTally {
  const refused: Record<string, number> = {};
  for (const tally of tallies)
    for (const [status, n] of Object.entries(tally.refused)) refused[status] = (refused[status] ?? 0) + n;
  const sum = (count: (tally: ClientsTally) => number): number => tallies.reduce((n, tally) => n + count(tally), 0);
  return {
    sent: sum(({ sent }) => sent),
    acknowledged: sum(({ acknowledged }) => acknowledged),
    refused,
    unanswered: sum(({ unanswered }) => unanswered),
    odd: tallies.flatMap((tally) => tally.odd),
    ms: Math.max(...tallies.map(({ ms }) => ms)),
  };
}

/** Requests per second, over the whole time of sending. */
export function rateOf({ sent, ms }: ClientsTally): number {
  return ms > 0 ? (sent * 1000) / ms : 0;
}
