import { fileURLToPath } from "node:url";
import type { Curve } from "../lib/curve.ts";
import { measure, warmUp } from "../lib/measure.ts";
import { number } from "../lib/table.ts";
import { jsonOf } from "../lib/target.ts";
import { startOurs } from "../peers/ours.ts";

const APP = fileURLToPath(new URL("../peers/reading.program.ts", import.meta.url));

/** What each byte costs that is read, signed and sent on. */
export const body: Curve = {
  name: "body",
  title: "A synchronous call, by the size of its body",
  along: { label: "bytes of body, signed", text: sizeText },
  values: {
    short: [0, 1_024, 65_536, 1_048_576],
    usual: [0, 128, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576],
  },
  panels: [{ label: "processor time, µs a request", lines: ["a synchronous call"] }],
  async open(bench) {
    // nginx answers before it has read a large body, after which its connection is of no use.
    const app = bench.procs.start("app that reads", process.execPath, [APP]);
    const port = await app.line((line) => Number(/^ready (\d+)$/.exec(line)?.[1] ?? 0) || null);
    const ours = await startOurs(bench, port);
    await warmUp(bench, ours);
    return async (bytes) => {
      const shape = { body: bytes === 0 ? "" : jsonOf(bytes) };
      return [(await measure(bench, ours, bench.options.seconds, shape)).us];
    };
  },
};

function sizeText(bytes: number): string {
  if (bytes < 1_024) return number(bytes);
  return bytes < 1_048_576 ? `${number(bytes / 1_024)} KiB` : `${number(bytes / 1_048_576)} MiB`;
}
