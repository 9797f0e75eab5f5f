import { copyFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Bench } from "../lib/bench.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Builds it as it is published, beside the checkout's own `dist`, and returns its main file. */
export async function buildOurs(bench: Bench): Promise<string> {
  const folder = bench.folder("built");
  const compiler = join(ROOT, "node_modules/.bin/tsc");
  const args = ["-p", join(ROOT, "tsconfig.build.json"), "--outDir", join(folder, "dist")];
  await bench.procs.start("tsc", compiler, args).output(120_000);
  copyFileSync(join(ROOT, "package.json"), join(folder, "package.json"));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return join(folder, "dist/main.js");
}
