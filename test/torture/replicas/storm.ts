import type { Random } from "../../../src/core/random.ts";
import type { TestRedis } from "../../help/redis.ts";
import type { Outage } from "../facts.ts";
import { type Rack, within } from "../rack.ts";
import type { Extent } from "../scenario/scenario.ts";
import type { Violation } from "../violation.ts";
import type { Watch } from "./watch.ts";
import type { Wire } from "./wire.ts";

/** One of the sidecars, with what it is tortured by. */
export interface Replica {
  readonly rack: Rack;
  readonly wire: Wire;
  /** What it is called in Redis. */
  readonly name: string;
}

export interface Weather {
  readonly redis: TestRedis;
  readonly watch: Watch;
  readonly replicas: readonly Replica[];
  readonly random: Random;
  readonly extent: Extent;
  readonly outages: Outage[];
  readonly broken: Violation[];
  readonly say: (line: string) => void;
}

/** A dead sidecar's leases are to be free within this … */
const TAKEN_OVER_MS = 15_000;
/** … as far as can be seen from outside: kill, look and a script cost time, too. */
const LOOKING_MS = 1_000;
const SILENT_MS = { short: [3_200, 3_500], long: [2_000, 14_000] } as const;
const PAUSED_MS = { short: 3_500, long: 10_000 };

type Blow = "kill" | "dead" | "redis" | "pause" | "cut" | "clients" | "silence";
/** The first so many are in this order, so that a short run has all kinds but the one that takes longest. */
const SHORT: readonly Blow[] = ["kill", "redis", "cut", "kill", "silence", "clients", "pause", "kill"];
const FIRST: readonly Blow[] = ["kill", "redis", "cut", "dead", "silence", "kill", "pause", "clients"];
const LATER: readonly Blow[] = ["kill", "kill", "kill", "kill", "redis", "cut", "clients", "silence", "dead"];

/** Until so many sidecars were killed, and each other kind of blow fell in between; leaves all of them running. */
export async function storm(weather: Weather): Promise<void> {
  const { replicas, random, extent, say } = weather;
  const first = extent.short ? SHORT : FIRST;
  const kills = (): number => replicas.reduce((n, { rack }) => n + rack.kills, 0);
  for (let n = 0; n < first.length || kills() < extent.kills; n++) {
    await replicas[0]!.rack.wait(100, extent.short ? 400 : 1_200);
    // A pause is long: one in twenty.
    const blow = first[n] ?? (n % 20 === 0 ? "pause" : LATER[random.below(LATER.length)]!);
    const which = random.below(replicas.length);
    await BLOWS[blow](weather, replicas[which]!);
    say(`${blow}${OF_ONE.has(blow) ? ` of replica ${which}` : ""}; killed ${kills()} times`);
  }
  for (const { rack } of replicas) {
    await rack.up();
    await rack.flowing();
  }
}

const OF_ONE: ReadonlySet<Blow> = new Set(["kill", "dead", "cut", "silence"]);
const BLOWS: Readonly<Record<Blow, (weather: Weather, replica: Replica) => Promise<void>>> = {
  async kill({ random }, { rack }) {
    const starting = random.below(4) === 0;
    if (!starting) await rack.up();
    if (starting) await rack.wait(0, rack.sidecar.startMs);
    else if (random.below(2) === 0) {
      rack.burst(20 + random.below(80));
      await rack.wait(0, 15);
    }
    await rack.kill();
    if (random.below(2) === 0) await rack.wait(0, 2_000);
    rack.start();
  },
  /** It stays dead until others have all that it had. */
  async dead({ watch, broken, say }, { rack, name }) {
    await rack.up();
    await rack.flowing();
    await rack.kill();
    const leases = await watch.leasesOf(name);
    try {
      const ms = await watch.untilFree(name, TAKEN_OVER_MS + LOOKING_MS);
      say(`${leases} leases of a dead one were taken over within ${(ms / 1000).toFixed(1)} s`);
    } catch (error) {
      broken.push({ kind: "process", evidence: (error as Error).message });
    }
    rack.start();
  },
  redis: (weather) =>
    ofAll(weather, async () => {
      const { redis, replicas, random } = weather;
      if (random.below(2) === 0) for (const { rack } of replicas) rack.burst(30);
      await redis.kill();
      await replicas[0]!.rack.wait(0, 3_000);
      await redis.restart();
    }),
  pause: (weather) =>
    ofAll(weather, async () => {
      const { redis, replicas, extent } = weather;
      const ms = extent.short ? PAUSED_MS.short : PAUSED_MS.long;
      redis.pause();
      await replicas[0]!.rack.wait(ms, ms);
      redis.resume();
    }),
  clients: (weather) => ofAll(weather, () => weather.watch.killClients()),
  cut: (_, { rack, wire }) =>
    rack.outage("cut", async () => {
      wire.cut();
    }),
  silence: ({ extent }, { rack, wire }) =>
    rack.outage("cut", async () => {
      wire.silence();
      const [from, to] = extent.short ? SILENT_MS.short : SILENT_MS.long;
      await rack.wait(from, to);
      wire.speak();
    }),
};

/** It lasts until each sidecar takes requests again. */
async function ofAll({ replicas, outages }: Weather, during: () => Promise<void>): Promise<void> {
  const [first, ...others] = replicas as [Replica, ...Replica[]];
  await first.rack.outage("redis", async () => {
    await during();
    for (const { rack } of others) {
      await rack.up();
      await rack.flowing();
    }
    await first.rack.up();
  });
  const whole = first.rack.outages.at(-1);
  // It was everybody's, not the first one's.
  if (whole !== undefined) outages.push({ kind: "redis", from: whole.from, to: whole.to });
}

/** Starts one after the other, so that each name that appears in Redis is the next one's. */
export async function nameOf(watch: Watch, known: readonly string[]): Promise<string> {
  const look = async (): Promise<string> => {
    for (;;) {
      const found = (await watch.names()).find((name) => !known.includes(name));
      if (found !== undefined) return found;
    }
  };
  return await within(TAKEN_OVER_MS, "it did not say in Redis that it is there", look());
}
