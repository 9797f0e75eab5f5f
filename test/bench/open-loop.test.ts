import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, expect, test } from "vitest";
import type { OpenLoopOptions, OpenLoopResult } from "../../bench/lib/open-loop.ts";

const PROGRAM = fileURLToPath(new URL("../../bench/lib/open-loop.program.ts", import.meta.url));
const run = promisify(execFile);

let close = (): void => {};
afterEach(() => close());

async function client(answer: (n: number) => { status: number; afterMs: number }): Promise<OpenLoopResult> {
  let calls = 0;
  const server = createServer((request, response) => {
    const { status, afterMs } = answer(calls++);
    request.resume().on("end", () => {
      setTimeout(() => response.writeHead(status, { "Content-Length": 2 }).end("ok"), afterMs);
    });
  }).listen(0, "127.0.0.1");
  close = () => {
    server.close();
    server.closeAllConnections();
  };
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const options: OpenLoopOptions = {
    port,
    path: "/",
    body: "{}",
    connections: 2,
    rate: 200,
    warmUpSeconds: 0,
    seconds: 1,
  };
  const { stdout } = await run(process.execPath, [PROGRAM, JSON.stringify(options)]);
  return JSON.parse(stdout) as OpenLoopResult;
}

test("a stall is charged to every request that should have left meanwhile, not to one per connection", async () => {
  // Both connections stall for half a second; of the 200 requests of this second half should have left by then.
  const result = await client((n) => ({ status: 200, afterMs: n === 20 || n === 21 ? 500 : 0 }));
  expect(result).toMatchObject({ answered: 200, errors: [] });
  expect(result.p50Ms).toBeLessThan(result.p99Ms);
  expect(result.p99Ms).toBeGreaterThan(400);
  // Had only the two requests under way been charged, nine of ten would have been fast.
  expect(result.p90Ms).toBeGreaterThan(250);
});

test("an answer but 200 is an error, and says which", async () => {
  const result = await client((n) => ({ status: n === 5 ? 503 : 200, afterMs: 0 }));
  expect(result.errors).toEqual(["1 × status 503"]);
});
