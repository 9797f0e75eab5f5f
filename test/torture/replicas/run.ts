import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Random } from "../../../src/core/random.ts";
import { keyPrefix } from "../../../src/redis/connection.ts";
import { startRedis, type TestRedis, withoutRedis } from "../../help/redis.ts";
import { createSeededRandom } from "../../help/seeded-random.ts";
import type { AppNews, AppOptions, AppOrder } from "../app.program.ts";
import type { ClientsNews, ClientsOptions, ClientsOrder } from "../clients.program.ts";
import { type Ack, type Outage, readFacts, type Visit } from "../facts.ts";
import { finish, guard, judged, type Report } from "../finish.ts";
import { type Program, startProgram } from "../program.ts";
import { createRack } from "../rack.ts";
import { OVER, type RunOptions } from "../run.ts";
import { choosePort, createSidecar, type OpenLife } from "../sidecar.ts";
import type { Violation } from "../violation.ts";
import { agreed } from "./agree.ts";
import { nameOf, type Replica, storm, type Weather } from "./storm.ts";
import { openWatch, type Watch } from "./watch.ts";
import { openWire } from "./wire.ts";

/** Several sidecars that share a spool on one real Redis; everything is killed, paused or cut, and nothing may be lost. */
export const replicas = {
  name: "replicas",
  about: "three sidecars on one Redis: they, it and the wires between killed, paused, cut",
  rate: 300,
  shortKills: 3,
  run,
} as const;

const REPLICAS = 3;
/** As a manifest has it that says nothing. */
const PREFIX = keyPrefix("outrigger");

export { withoutRedis };

interface Place {
  readonly dir: string;
  readonly options: RunOptions;
  readonly random: Random;
  readonly redis: TestRedis;
  readonly watch: Watch;
  readonly appUrl: string;
  readonly lives: OpenLife[];
  readonly ends: AsyncDisposableStack;
}

interface Served extends Replica {
  readonly clients: Program<ClientsOrder, ClientsNews>;
  readonly clientsFile: string;
}

async function run(options: RunOptions): Promise<Report> {
  const { seed, say } = options;
  const dir = mkdtempSync(join(tmpdir(), "outrigger-torture-replicas-"));
  const random = createSeededRandom(seed);
  await using ends = new AsyncDisposableStack();
  let failed = true;
  ends.defer(() => {
    if (!failed) rmSync(dir, { recursive: true, force: true });
  });
  const redis = await startRedis();
  ends.defer(() => redis.close());
  const watch = openWatch(redis.port, PREFIX);
  ends.defer(() => watch.close());
  const appFile = join(dir, "app.ndjson");
  const app = startProgram<AppOrder, AppNews>("app.program.ts", { seed: seed + 1, file: appFile } satisfies AppOptions);
  ends.defer(() => app.stop());
  const { port } = await app.heard("listening");
  const lives: OpenLife[] = [];
  const place = { dir, options, random, redis, watch, appUrl: `http://127.0.0.1:${port}`, lives, ends };
  const all: Served[] = [];
  for (let n = 0; n < REPLICAS; n++) all.push(await serve(place, n, all));

  const broken: Violation[] = [];
  const outages: Outage[] = [];
  const weather: Weather = { redis, watch, replicas: all, random, extent: options, outages, broken, say };
  for (const { clients } of all) clients.tell({ kind: "start" });
  await guard(broken, () => storm(weather));
  const racks = all.map(({ rack }) => rack);
  const finished = await finish({ app, clients: all.map(({ clients }) => clients), racks, broken });
  await guard(broken, async () => void broken.push(...(await agreed(racks))));
  for (const evidence of await watch.leftovers()) broken.push({ kind: "process", evidence });
  const facts = {
    acks: all.flatMap(({ clientsFile }) => readFacts<Ack>(clientsFile)),
    visits: readFacts<Visit>(appFile),
    dead: finished.dead,
    lives,
    outages: [...outages, ...racks.flatMap((rack) => rack.outages)],
  };
  const report = await judged(replicas.name, facts, finished, options, dir);
  failed = report.kept !== null;
  return report;
}

/** Starts one of them, and its clients, and waits until it is known in Redis. */
async function serve(place: Place, n: number, before: readonly Served[]): Promise<Served> {
  const { options, random, redis, watch, appUrl, lives, ends } = place;
  const dir = join(place.dir, `replica-${n}`);
  mkdirSync(dir);
  const wire = await openWire(redis.port);
  ends.defer(() => wire.close());
  const sidecar = createSidecar({
    ...options,
    nodeArgs: [],
    dir,
    dataDir: join(dir, "data"),
    appUrl,
    proxyPort: await choosePort(random),
    among: { replica: n, redisUrl: wire.url, lives },
  });
  const clientsFile = join(dir, "clients.ndjson");
  const clients = startProgram<ClientsOrder, ClientsNews>("clients.program.ts", {
    seed: options.seed + 2 + n,
    url: sidecar.proxyUrl,
    rate: (options.rate * OVER) / REPLICAS,
    file: clientsFile,
    part: { n, of: REPLICAS },
  } satisfies ClientsOptions);
  ends.defer(() => clients.stop());
  const rack = createRack(sidecar, clients, random, (line) => options.say(`replica ${n}: ${line}`));
  rack.start();
  const abandon = (): void => void sidecar.current().kill();
  process.once("exit", abandon);
  ends.defer(async () => {
    await sidecar.current().kill();
    process.off("exit", abandon);
  });
  await rack.up();
  const known = before.map(({ name }) => name);
  return { rack, wire, name: await nameOf(watch, known), clients, clientsFile };
}
