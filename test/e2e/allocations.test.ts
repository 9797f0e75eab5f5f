import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import type { Allocated } from "./allocations.program.ts";

/**
 * What a request allocates in `src/`, closures, promises and boxed numbers with it; runtime and libraries are not
 * counted. The count is the same each time but for timers that fire meanwhile, so the bounds are a few per cent above
 * it: who needs more says so by raising one, and who needs less lowers it.
 */

const PROGRAM = fileURLToPath(new URL("./allocations.program.ts", import.meta.url));
const run = promisify(execFile);

async function allocated(capability: string): Promise<Allocated> {
  const args = ["--no-opt", "--no-maglev", PROGRAM, capability];
  const { stdout } = await run(process.execPath, args, { timeout: 50_000 });
  return JSON.parse(stdout) as Allocated;
}

test.each([
  ["a synchronous call", "answer", { objects: 157, bytes: 7_400 }],
  ["a request taken for later, with its delivery,", "later", { objects: 515, bytes: 23_400 }],
])("%s makes so few objects of ours, and no more", { timeout: 180_000 }, async (_, capability, bound) => {
  // What fires meanwhile only adds: on a busy machine the least of a few counts.
  let { objects, bytes, most } = await allocated(capability);
  for (let again = 0; again < 2 && (objects >= bound.objects || bytes >= bound.bytes); again++) {
    ({ objects, bytes, most } = await allocated(capability));
  }
  // A profile that sees nothing would pass anything.
  expect(objects).toBeGreaterThan(bound.objects / 4);
  expect(objects, `objects a request, most of them in\n${most.join("\n")}`).toBeLessThan(bound.objects);
  expect(bytes, `bytes a request, most of them in\n${most.join("\n")}`).toBeLessThan(bound.bytes);
});
