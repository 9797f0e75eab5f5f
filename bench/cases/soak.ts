import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Bench, Case } from "../lib/bench.ts";
import { othersNote } from "../lib/others.ts";
import { machineTime } from "../lib/processor-time.ts";
import {
  type SoakLoad,
  type SoakSaid,
  type SoakSample,
  soakPlot,
  type Vitals,
  verdictOf,
  verdictTable,
} from "../lib/soak.ts";
import { number } from "../lib/table.ts";
import { BODY, prove } from "../lib/target.ts";
import { nginxVersion, startUpstream } from "../peers/nginx.ts";
import { buildOurs } from "../peers/ours.built.ts";
import { type SoakTarget, startOursSoak } from "../peers/ours.soak.ts";
import { oursVersion } from "../peers/ours.ts";

const PROGRAM = fileURLToPath(new URL("../lib/soak.program.ts", import.meta.url));
const PLOT = new URL("../../docs/soak.svg", import.meta.url);
const RATE = 2_000;
const MINUTES = 60;
const EVERY_SECONDS = 5;

/** Whether it is after an hour what it was at first. */
export const soak: Case = {
  name: "soak",
  about: `a steady load for --minutes (${MINUTES}): memory, handles and latency, drawn in docs/soak.svg`,
  limitMs: 25 * 60 * 60_000,
  async run(bench) {
    const { rate, minutes } = bench.options;
    const load = { rate: rate ?? RATE, seconds: (minutes ?? MINUTES) * 60, everySeconds: EVERY_SECONDS };
    const before = machineTime();
    const upstream = await startUpstream(bench);
    const main = await buildOurs(bench);
    // A twelfth of the time: then the file has been as large as it gets for most of it.
    const ours = await startOursSoak(bench, upstream.port, main, Math.max(10, Math.round(load.seconds / 12)));
    await prove(ours);
    const { samples, errors, answered } = await watch(bench, ours, load);
    const title = `${number(load.rate)} requests/s for ${number(load.seconds / 60)} minutes, half of them taken for later`;
    writeFileSync(PLOT, soakPlot(samples, title));
    const verdicts = verdictOf(samples);
    return {
      title: `soak: ${title}`,
      parts: [{ caption: "Medians of a quarter, after a tenth to warm up", table: verdictTable(verdicts) }],
      notes: [
        `${number(answered)} of ${number(load.rate * load.seconds)} requests were answered well. ${errors.length === 0 ? "Nothing failed." : `Failed: ${errors.join(", ")}.`}`,
        "Times count from when a request should have left, by a client whose timers are a millisecond coarse.",
        `Drawn: docs/soak.svg, ${number(samples.length)} samples, one each ${EVERY_SECONDS} s.`,
        othersNote(before, machineTime()),
      ],
      versions: [oursVersion(), `upstream ${nginxVersion()}`],
      figures: { ...load, verdicts, errors, samples },
    };
  },
};

interface Watched {
  readonly samples: readonly SoakSample[];
  readonly errors: readonly string[];
  readonly answered: number;
}

async function watch(
  bench: Bench,
  ours: SoakTarget,
  { rate, seconds, everySeconds }: Pick<SoakLoad, "rate" | "seconds" | "everySeconds">,
): Promise<Watched> {
  const load: SoakLoad = { port: ours.port, paths: ours.routes, body: BODY, rate, seconds, everySeconds };
  const client = bench.procs.start("client", process.execPath, [PROGRAM, JSON.stringify(load)]);
  let done = false;
  const output = client.output(seconds * 1000 + 60_000).finally(() => {
    done = true;
  });
  // It may fail while this waits for something else.
  output.catch(() => undefined);
  const vitals: Vitals[] = [];
  const from = performance.now();
  for (let n = 1; !done && n * everySeconds <= seconds; n++) {
    await sleep(Math.max(0, from + n * everySeconds * 1000 - performance.now()));
    const now = await ours.vitals();
    vitals.push(now);
    if ((n * everySeconds) % 60 === 0) {
      bench.say(`minute ${(n * everySeconds) / 60}: ${now.rssMb.toFixed(0)} MB, ${now.waiting} jobs waiting`);
    }
  }
  const said = (await output)
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as SoakSaid);
  const errors = said.flatMap((line) => line.errors.map((what) => `${what} by second ${line.second}`)).slice(0, 20);
  // Both count from the start, by the same steps.
  const samples = vitals.flatMap((now, i): SoakSample[] => {
    const { second = 0, sync = null, async = null } = said[i] ?? {};
    if (sync === null || async === null) return [];
    const times = { syncP50Ms: sync.p50Ms, syncP99Ms: sync.p99Ms, asyncP50Ms: async.p50Ms, asyncP99Ms: async.p99Ms };
    return [{ second, ...now, ...times }];
  });
  const failed = said.flatMap((line) => line.errors).reduce((sum, what) => sum + Number.parseInt(what, 10), 0);
  const answers = said.reduce((sum, line) => sum + (line.sync?.answered ?? 0) + (line.async?.answered ?? 0), 0);
  return { samples, errors, answered: Math.max(0, answers - failed) };
}
