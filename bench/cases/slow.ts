import type { Bench, Case } from "../lib/bench.ts";
import { latencies, RATE } from "../lib/open-loop.ts";
import { othersNote } from "../lib/others.ts";
import { machineTime } from "../lib/processor-time.ts";
import { spread } from "../lib/statistics.ts";
import { number } from "../lib/table.ts";
import { nginxVersion, startUpstream } from "../peers/nginx.ts";
import { holdSlow, startOursSlow } from "../peers/ours.slow.ts";
import { oursVersion } from "../peers/ours.ts";
import { holdBySlowHttpTest, type SlowAttack, slowHttpTestVersion } from "../peers/slowhttptest.ts";

/** Who holds slow connections, until told to stop. */
interface Mix {
  readonly title: string;
  hold(bench: Bench, port: number): Promise<{ stop(): Promise<void> }>;
}

const own = (title: string, heads: number, bodies: number, readers: number): Mix => ({
  title,
  hold: (bench, port) => holdSlow(bench, port, { heads, bodies, readers }),
});
const others = (title: string, attack: SlowAttack): Mix => ({
  title,
  hold: (bench, port) => holdBySlowHttpTest(bench, port, attack),
});

const MIXES = [
  own("1,000 slow heads", 1000, 0, 0),
  own("1,000 slow bodies", 0, 1000, 0),
  own("400 heads, 400 bodies, 200 that read nothing", 400, 400, 200),
];
const OTHERS = [
  others("slowhttptest -H: 1,000 slow heads", "heads"),
  others("slowhttptest -B: 1,000 slow bodies", "bodies"),
  others("slowhttptest -X: 200 slow readers", "readers"),
];

/** Whether callers who take their time are in the way of those who do not. */
export const slow: Case = {
  name: "slow",
  about: "latency of normal calls while 1,000 slow connections are held, beside that without",
  async run(bench) {
    const { pairs, seconds } = bench.options;
    const before = machineTime();
    const attacker = slowHttpTestVersion();
    const upstream = await startUpstream(bench);
    const ours = await startOursSlow(bench, upstream.port);
    const measure = async () => (await latencies(bench, [ours], 1, seconds))[0]!;
    const rows = [];
    const figures = [];
    for (const { title, hold } of attacker === null ? MIXES : [...MIXES, ...OTHERS]) {
      const runs = { free: [await measure()], held: [] as Awaited<ReturnType<typeof measure>>[] };
      for (let pair = 1; pair <= pairs; pair++) {
        if (pair > 1) runs.free.push(await measure());
        bench.say(`pair ${pair} of ${pairs}: ${title}`);
        const holder = await hold(bench, ours.port);
        runs.held.push(await measure());
        await holder.stop();
      }
      for (const [name, found] of [
        ["none is held", runs.free],
        [title, runs.held],
      ] as const) {
        const p50 = spread(found.map(({ p50Ms }) => p50Ms.median));
        const p99 = spread(found.map(({ p99Ms }) => p99Ms.median));
        rows.push([name, ...[p50.median, p99.median, p99.min, p99.max].map((ms) => number(ms, 2))]);
        figures.push({ name, p50, p99 });
      }
    }
    return {
      title: `slow: ${number(RATE)} requests/s of 1 KiB beside slow connections, ${pairs} pairs of ${seconds} s`,
      parts: [
        {
          caption: "Milliseconds of normal calls, from when each should have left",
          table: { head: ["held meanwhile", "p50", "p99", "p99 min", "p99 max"], rows },
        },
      ],
      notes: [
        "A slow head or body gets a byte each second; ended by us, it is opened again. Any normal answer but 200 fails the run.",
        ...(attacker === null ? ["slowhttptest is left out: not installed (Debian package slowhttptest)"] : []),
        othersNote(before, machineTime()),
      ],
      versions: [oursVersion(), `upstream ${nginxVersion()}`, ...(attacker === null ? [] : [attacker])],
      figures,
    };
  },
};
