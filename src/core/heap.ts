import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

type Gc = (options: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void;

/** That of V8 by itself. */
const OLD_AGE = 6;

/**
 * Gives what the start of this thread used, and is not used any more, back to the system: text of modules, syntax
 * trees, schemas that were compiled, the code of functions that ran once. V8 by itself would keep it until the heap is
 * twice as large. Stops the thread for some 30 ms, so only a thread that answers nobody yet may call it.
 */
export function shrinkHeap(): void {
  setFlagsFromString("--expose-gc");
  // Only a context that is made now has it.
  const gc = runInNewContext("gc") as Gc;
  // Code is let go of that was not run between two collections, of which this makes several; else it would be seven.
  setFlagsFromString("--bytecode-old-age=1");
  gc({ type: "major", execution: "sync", flavor: "last-resort" });
  setFlagsFromString(`--bytecode-old-age=${OLD_AGE}`);
}
