import { body } from "../curves/body.ts";
import { concurrency } from "../curves/concurrency.ts";
import { history } from "../curves/history.ts";
import { routes } from "../curves/routes.ts";
import { waiting } from "../curves/waiting.ts";
import type { Case } from "../lib/bench.ts";
import { type Curve, type Drawn, draw } from "../lib/curve.ts";
import { diskNote } from "../lib/disk.ts";
import { othersNote } from "../lib/others.ts";
import { machineTime } from "../lib/processor-time.ts";
import { nginxVersion } from "../peers/nginx.ts";
import { oursVersion } from "../peers/ours.ts";

export const CURVES: readonly Curve[] = [concurrency, body, routes, waiting, history];

/** Whether a request costs the same when there is more of everything: pictures for `docs/curves`. */
export const curves: Case = {
  name: "curves",
  about: `cost a request as something grows, drawn in docs/curves: ${CURVES.map(({ name }) => name).join(", ")}`,
  limitMs: 3 * 60 * 60_000,
  async run(bench) {
    const wanted = bench.options.only?.map(curveNamed) ?? CURVES;
    const before = machineTime();
    const drawn: Drawn[] = [];
    for (const curve of wanted) {
      drawn.push(await draw(bench, curve));
      // What one has started must not be beside the next.
      await bench.procs.stopAll();
    }
    return {
      title: `curves: ${bench.options.pairs} rounds of ${bench.options.seconds} s at each point, all points in turn`,
      parts: drawn.map(({ part }) => part),
      notes: [
        `Drawn: ${wanted.map(({ name }) => `docs/curves/${name}.svg`).join(", ")}.`,
        diskNote(bench.folder("disk")),
        othersNote(before, machineTime()),
      ],
      versions: [oursVersion(), `upstream ${nginxVersion()}`],
      figures: drawn.map(({ figures }) => figures),
    };
  },
};

function curveNamed(name: string): Curve {
  const found = CURVES.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no curve ${name}; there are ${CURVES.map((one) => one.name).join(", ")}`);
  return found;
}
