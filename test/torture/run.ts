import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSeededRandom } from "../help/seeded-random.ts";
import { type Asking, ask } from "./admin.ts";
import type { AppNews, AppOptions, AppOrder } from "./app.program.ts";
import type { ClientsNews, ClientsOptions, ClientsOrder, ClientsTally } from "./clients.program.ts";
import { type Ack, type Dead, machineMs, readFacts, type Visit } from "./facts.ts";
import { startProgram } from "./program.ts";
import { createRack, pause, type Rack, within } from "./rack.ts";
import type { Extent, Scenario } from "./scenario/scenario.ts";
import { choosePort, createSidecar } from "./sidecar.ts";
import { judge, type Verdict } from "./verdict.ts";
import type { Violation } from "./violation.ts";

export interface RunOptions extends Extent {
  /** Requests per second. */
  readonly rate: number;
  readonly seed: number;
  /** The program under torture, and what follows `serve -c FILE`. */
  readonly script: string;
  readonly scriptArgs: readonly string[];
  readonly say: (line: string) => void;
}

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

const DRAIN_MS = 180_000;
const DRAIN_LOOK_MS = 100;
const FINISH_MS = 60_000;
/** Of what is lost, this many are asked about: the state is for people. */
const ASKED = 20;
/** The clock of timers is coarse: what is asked of the clients is a little more than what they must reach. */
const OVER = 1.04;

/** Tortures the sidecar as `scenario` does, and judges what came of it. */
export async function run(scenario: Scenario, options: RunOptions): Promise<Report> {
  const { seed, rate, say } = options;
  const dir = mkdtempSync(join(tmpdir(), `outrigger-torture-${scenario.name}-`));
  const random = createSeededRandom(seed);
  const appFile = join(dir, "app.ndjson");
  const clientsFile = join(dir, "clients.ndjson");
  await using ends = new AsyncDisposableStack();
  const prepared = scenario.prepare({ dir, extent: options });
  let failed = true;
  ends.defer(() => {
    const keep = failed ? join(dir, "kept") : null;
    prepared.close?.(keep);
    if (!failed) rmSync(dir, { recursive: true, force: true });
  });
  const app = startProgram<AppOrder, AppNews>("app.program.ts", { seed: seed + 1, file: appFile } satisfies AppOptions);
  ends.defer(() => app.stop());
  const { port } = await app.heard("listening");
  const sidecar = createSidecar({
    ...options,
    nodeArgs: prepared.nodeArgs ?? [],
    dir,
    dataDir: prepared.dataDir,
    appUrl: `http://127.0.0.1:${port}`,
    proxyPort: await choosePort(random),
  });
  const { proxyUrl, dataDir } = sidecar;
  const clients = startProgram<ClientsOrder, ClientsNews>("clients.program.ts", {
    seed: seed + 2,
    url: proxyUrl,
    rate: rate * OVER,
    file: clientsFile,
  } satisfies ClientsOptions);
  ends.defer(() => clients.stop());
  const rack = createRack(sidecar, clients, random, say);
  rack.start();
  const abandon = (): void => void sidecar.current().kill();
  process.once("exit", abandon);
  ends.defer(async () => {
    await sidecar.current().kill();
    process.off("exit", abandon);
  });
  await rack.up();

  clients.tell({ kind: "start" });
  const broken: Violation[] = [];
  const guard = async (act: () => Promise<void>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      broken.push({ kind: "process", evidence: error instanceof Error ? error.message : String(error) });
    }
  };
  await guard(() => prepared.torture(rack));
  clients.tell({ kind: "finish" });
  const { tally } = await within(FINISH_MS, "the clients did not finish", clients.heard("finished"));
  app.tell({ kind: "recover" });
  const stoppedAt = machineMs();
  let dead: readonly Dead[] = [];
  let asking: Asking | null = null;
  await guard(async () => {
    await rack.up();
    asking = ask(await sidecar.current().ready, proxyUrl, dataDir);
    await drain(asking, rack).catch((error: Error) => broken.push({ kind: "process", evidence: error.message }));
    dead = await asking.dead();
  });
  const drainMs = machineMs() - stoppedAt;
  app.tell({ kind: "finish" });
  await within(FINISH_MS, "the app did not finish", app.heard("finished"));

  const facts = {
    acks: readFacts<Ack>(clientsFile),
    visits: readFacts<Visit>(appFile),
    dead,
    lives: sidecar.lives,
    outages: rack.outages,
  };
  const verdict = judge(facts);
  const told = await Promise.all(verdict.violations.map((one, n) => withState(one, n < ASKED ? asking : null)));
  const violations = [...broken, ...rack.violations, ...odd(tally), ...shortfall(tally, rack, options), ...told];
  failed = violations.length > 0;
  if (failed) {
    const all = { seed, violations, lives: facts.lives, outages: facts.outages, dead };
    writeFileSync(join(dir, "violations.json"), `${JSON.stringify(all, null, 1)}\n`);
  }
  const { kills, startKills } = rack;
  const kept = failed ? dir : null;
  return { scenario: scenario.name, verdict, violations, kills, startKills, tally, drainMs, kept };
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
function shortfall(tally: ClientsTally, { kills }: Rack, { rate, short, kills: wanted }: RunOptions): Violation[] {
  const reached = rateOf(tally);
  if (short || reached >= rate) return [];
  return [
    {
      kind: "load",
      evidence: `clients sent ${reached.toFixed(0)} requests/s of ${rate}, killed ${kills} of ${wanted}`,
    },
  ];
}

/** Requests per second, over the whole time of sending. */
export function rateOf({ sent, ms }: ClientsTally): number {
  return ms > 0 ? (sent * 1000) / ms : 0;
}
