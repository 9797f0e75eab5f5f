import { copyFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Bench } from "../lib/bench.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const built = new WeakMap<Bench, Promise<string>>();

/** Its main file as it is published, built once in a run, beside the checkout's own `dist`. */
export function buildOurs(bench: Bench): Promise<string> {
  const main = built.get(bench) ?? build(bench);
  built.set(bench, main);
  return main;
}

async function build(bench: Bench): Promise<string> {
  bench.say("building");
  const folder = bench.folder("built");
  const args = [join(ROOT, "build/main.ts"), "--out", join(folder, "dist")];
  await bench.procs.start("build", process.execPath, args).output(120_000);
  copyFileSync(join(ROOT, "package.json"), join(folder, "package.json"));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return join(folder, "dist/main.js");
}
