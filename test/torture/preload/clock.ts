import { openSync, readSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import threads from "node:worker_threads";

/**
 * Loaded into the sidecar, and into each of its threads: the wall clock is off by as many milliseconds as the file
 * named in `?file=` says at the moment. Monotonic time and timers are left as they are, as when somebody sets the
 * clock of a machine.
 */

const here = new URL(import.meta.url);
const file = openSync(here.searchParams.get("file") ?? "", "r");
/** The file is read again after this long. */
const FRESH_MS = 5;
const bytes = Buffer.alloc(32);
let offset = 0;
let readAt = Number.NEGATIVE_INFINITY;

function offsetMs(): number {
  if (performance.now() - readAt >= FRESH_MS) {
    readAt = performance.now();
    const length = readSync(file, bytes, 0, bytes.length, 0);
    const read = Number(bytes.toString("latin1", 0, length));
    // Caught in the midst of being written, it is read again soon.
    if (length > 0 && Number.isSafeInteger(read)) offset = read;
  }
  return offset;
}

const RealDate = globalThis.Date;
const now = (): number => RealDate.now() + offsetMs();
globalThis.Date = new Proxy(RealDate, {
  get: (target, name) => (name === "now" ? now : Reflect.get(target, name)),
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  apply: () => new RealDate(now()).toString(),
});

threads.Worker = class extends threads.Worker {
  constructor(...[name, options]: ConstructorParameters<typeof threads.Worker>) {
    super(name, { ...options, execArgv: [...(options?.execArgv ?? []), "--import", here.href] });
  }
};
syncBuiltinESMExports();
