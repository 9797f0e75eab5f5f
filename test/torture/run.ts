import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSeededRandom } from "../help/seeded-random.ts";
import type { AppNews, AppOptions, AppOrder } from "./app.program.ts";
import type { ClientsNews, ClientsOptions, ClientsOrder } from "./clients.program.ts";
import { type Ack, readFacts, type Visit } from "./facts.ts";
import { finish, guard, judged, type Report } from "./finish.ts";
import { startProgram } from "./program.ts";
import { createRack } from "./rack.ts";
import type { Extent, Scenario } from "./scenario/scenario.ts";
import { choosePort, createSidecar } from "./sidecar.ts";
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

/** The clock of timers is coarse: what is asked of the clients is a little more than what they must reach. */
export const OVER = 1.04;

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
  const clients = startProgram<ClientsOrder, ClientsNews>("clients.program.ts", {
    seed: seed + 2,
    url: sidecar.proxyUrl,
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
  await guard(broken, () => prepared.torture(rack));
  const finished = await finish({ app, clients: [clients], racks: [rack], broken });
  const facts = {
    acks: readFacts<Ack>(clientsFile),
    visits: readFacts<Visit>(appFile),
    dead: finished.dead,
    lives: sidecar.lives,
    outages: rack.outages,
  };
  const report = await judged(scenario.name, facts, finished, options, dir);
  failed = report.kept !== null;
  return report;
}
