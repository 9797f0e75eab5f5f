import { extname } from "node:path";
import { Worker } from "node:worker_threads";

/**
 * Starts `./<name>` of this folder as a thread. The file ends as this one does: `.ts` in a checkout, `.js` in a
 * build, where import paths are rewritten but a URL in a string is not. It gets none of the environment's
 * secrets, and none of the process's Node options, of which some (`--input-type`) forbid a file.
 */
export function spawn(name: "thread" | "check", workerData: unknown): Worker {
  const { pathname } = new URL(import.meta.url);
  const file = new URL(`./${name}${extname(pathname)}`, import.meta.url);
  return new Worker(file, { name: `outrigger ${name}`, workerData, env: {}, execArgv: [] });
}
