import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import {
  type SoakLoad,
  type SoakSaid,
  type SoakSample,
  soakPlot,
  verdictOf,
  verdictTable,
} from "../../bench/lib/soak.ts";
import { sumOf } from "../../bench/peers/ours.soak.ts";

const PROGRAM = fileURLToPath(new URL("../../bench/lib/soak.program.ts", import.meta.url));
const run = promisify(execFile);

const sample = (second: number, more: Partial<SoakSample> = {}): SoakSample => ({
  second,
  rssMb: 100,
  heapMb: 40,
  externalMb: 8,
  handles: 110,
  files: 150,
  lagP99Ms: 12,
  waiting: 3,
  syncP50Ms: 1,
  syncP99Ms: 4,
  asyncP50Ms: 2,
  asyncP99Ms: 6,
  ...more,
});
const hour = (of: (n: number) => Partial<SoakSample>): SoakSample[] =>
  Array.from({ length: 720 }, (_, n) => sample((n + 1) * 5, of(n)));
const grown = (samples: readonly SoakSample[]): string[] =>
  verdictOf(samples)
    .filter(({ flat }) => !flat)
    .map(({ name }) => name);

test("what stays as it is, is flat, whatever its first minutes and single spikes are", () => {
  const restless = hour((n) => (n < 60 ? { rssMb: 60 } : n % 50 === 0 ? { syncP99Ms: 900, rssMb: 400 } : {}));
  expect(grown(restless)).toEqual([]);
});

test("a leak is told apart from all that did not grow: of memory, of handles, of time", () => {
  expect(grown(hour((n) => ({ rssMb: 100 + n / 20 })))).toEqual(["resident memory, MB"]);
  expect(grown(hour((n) => ({ handles: 110 + n / 20, asyncP99Ms: 6 + n / 100 })))).toEqual([
    "handles of Node",
    "async p99, ms",
  ]);
});

test("the table has both quarters, and how much the last is of the first", () => {
  const rows = verdictTable(verdictOf(hour((n) => ({ rssMb: n < 360 ? 100 : 150 })))).rows;
  expect(rows[0]).toEqual(["resident memory, MB", "100", "150", "1.50", "✗"]);
  expect(rows[1]).toEqual(["heap in use, MB", "40", "40", "1.00", "✓"]);
});

test("the picture has minutes on its axis, and a panel for each thing that must stay flat", () => {
  const svg = soakPlot(
    hour(() => ({})),
    "an hour",
  );
  expect([...svg.matchAll(/text-anchor="middle">(\d+)</g)].map(([, minute]) => minute)).toEqual([
    "0",
    "10",
    "20",
    "30",
    "40",
    "50",
    "60",
  ]);
  for (const word of ["memory, MB", "handles and files", "event loop lag", "synchronous call", "202"]) {
    expect(svg).toContain(word);
  }
});

test("all series of a metric are summed, and one that is missing is an error", () => {
  const scrape = '# TYPE a gauge\na{type="x"} 2\na{type="y"} 3\nab 100\nc 1.5e+3\n';
  expect(sumOf(scrape, "a")).toBe(5);
  expect(sumOf(scrape, "c")).toBe(1500);
  expect(() => sumOf(scrape, "d")).toThrow("no metric d");
});

test("the client sends both kinds at its rate, goes on after what fails, and counts it", async () => {
  let calls = 0;
  const server = createServer((request, response) => {
    const turn = calls++;
    request.resume().on("end", () => {
      if (turn === 10) request.socket.destroy();
      else
        response.writeHead(turn === 20 ? 503 : request.url === "/later" ? 202 : 200, { "Content-Length": 2 }).end("ok");
    });
  }).listen(0, "127.0.0.1");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, "listening");
  const load: SoakLoad = {
    port: (server.address() as AddressInfo).port,
    paths: { sync: "/now", async: "/later" },
    body: "{}",
    rate: 100,
    seconds: 2,
    everySeconds: 1,
  };
  const { stdout } = await run(process.execPath, [PROGRAM, JSON.stringify(load)]);
  const said = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as SoakSaid);
  const answered = (kind: "sync" | "async"): number => said.reduce((sum, line) => sum + (line[kind]?.answered ?? 0), 0);
  expect(calls).toBe(200);
  expect(answered("sync") + answered("async")).toBe(199);
  expect(answered("async")).toBeGreaterThanOrEqual(99);
  expect(said.flatMap(({ errors }) => errors).sort()).toEqual(["1 × a connection was closed", "1 × status 503"]);
});
