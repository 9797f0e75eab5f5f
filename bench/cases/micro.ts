import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Case } from "../lib/bench.ts";

const FOLDER = fileURLToPath(new URL("../", import.meta.url));

/** The parts by themselves: every `bench/*.bench.ts`, each in its own process, one after the other. */
export const micro: Case = {
  name: "micro",
  about: "single parts in nanoseconds: router, breaker, policies, recording",
  async run(bench) {
    const files = readdirSync(FOLDER)
      .filter((name) => name.endsWith(".bench.ts"))
      .sort();
    const parts = [];
    for (const file of files) {
      bench.say(`running ${file}`);
      const proc = bench.procs.start(file, process.execPath, [`${FOLDER}${file}`]);
      const lines = (await proc.output(120_000)).trimEnd().split("\n");
      parts.push({ caption: file.replace(".bench.ts", ""), lines });
    }
    return {
      title: "micro: parts by themselves",
      parts: parts.map(({ caption, lines }) => ({ caption, text: lines.join("\n") })),
      notes: [],
      versions: [],
      figures: parts,
    };
  },
};
