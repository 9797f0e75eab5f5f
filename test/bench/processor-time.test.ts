import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { machineTime, parseStat, processorTime } from "../../bench/lib/processor-time.ts";

test("a program's name may hold spaces and brackets without shifting the fields", () => {
  const rest = "S 7 1 1 0 -1 4194560 100 0 0 0 250 120 30 20 20 0 1 0 500 0 0";
  const expected = { parent: 7, userTicks: 250, systemTicks: 120, endedTicks: 50 };
  expect(parseStat(`42 (node) ${rest}`)).toEqual(expected);
  expect(parseStat(`42 (a) b (c) ${rest}`)).toEqual(expected);
  expect(parseStat("nothing of the kind")).toBeNull();
});

// Spins for 300 ms of processor time in a thread of a child of the process that is asked about.
const SPIN = `
  const { Worker } = require("node:worker_threads");
  const spin = "const end = process.cpuUsage(); do {} while (process.cpuUsage(end).user < 3e5)";
  new Worker(spin, { eval: true }).on("exit", () => process.stdout.write("done\\n"));
  setInterval(() => {}, 1e6);
`;

test.runIf(process.platform === "linux")("the time of all threads and of living children counts", async () => {
  const parent = spawn("sh", ["-c", '"$0" -e "$1" & echo child $!; wait', process.execPath, SPIN]);
  try {
    const before = machineTime();
    let said = "";
    for await (const chunk of parent.stdout.setEncoding("utf8")) {
      said += chunk;
      if (said.includes("done")) break;
    }
    const { userMs, systemMs } = processorTime(parent.pid as number);
    expect(userMs).toBeGreaterThanOrEqual(250);
    expect(systemMs).toBeGreaterThanOrEqual(0);
    expect(machineTime().totalMs).toBeGreaterThan(before.totalMs);
    process.kill(Number(/child (\d+)/.exec(said)?.[1]));
  } finally {
    parent.kill();
    if (parent.exitCode === null && parent.signalCode === null) await once(parent, "close");
  }
});

test.runIf(process.platform === "linux")("a process that is gone has no figure", () => {
  expect(() => processorTime(2 ** 30)).toThrow("no processor time");
});
