import { copyFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Bench } from "../lib/bench.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Builds it as it is published, beside the checkout's own `dist`, and returns its main file. */
export async function buildOurs(bench: Bench): Promise<string> {
  const folder = bench.folder("built");
  const args = [join(ROOT, "build/main.ts"), "--out", join(folder, "dist")];
  await bench.procs.start("build", process.execPath, args).output(120_000);
  copyFileSync(join(ROOT, "package.json"), join(folder, "package.json"));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return join(folder, "dist/main.js");
}
