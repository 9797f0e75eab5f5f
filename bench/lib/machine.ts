import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus, loadavg, release, type } from "node:os";

/** Where it ran, without names of hosts or paths. The load says whether it had the machine to itself. */
export function machineLine(): string {
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  const load = loadavg()[0]!.toFixed(1);
  return `${availableParallelism()} × ${model}, ${type()} ${release()}, Node ${process.version}, load ${load} at the start`;
}

/** The version of an installed npm package, or null. */
export function packageVersion(name: string): string | null {
  const require = createRequire(import.meta.url);
  const folder = require.resolve.paths(name)?.find((path) => readVersion(`${path}/${name}/package.json`) !== null);
  return folder === undefined ? null : readVersion(`${folder}/${name}/package.json`);
}

function readVersion(file: string): string | null {
  try {
    return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
  } catch {
    return null;
  }
}
