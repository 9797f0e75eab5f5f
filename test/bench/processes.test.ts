import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createProcs } from "../../bench/lib/processes.ts";

/** A killed process whose parent is gone may stay as a zombie: that is not alive. */
const alive = (pid: number): boolean => {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
};
const childPid = (line: string): number | null => Number(/^child (\d+)$/.exec(line)?.[1] ?? 0) || null;

test("a process that ends before it is ready is an error with what it said", async () => {
  const procs = createProcs();
  const failing = procs.start("peer", process.execPath, ["-e", "console.error('port taken'); process.exit(3)"]);
  await expect(failing.line(() => null)).rejects.toThrow(/peer ended with code 3\nport taken/);
  const missing = procs.start("peer", "/no/such/program", []);
  await expect(missing.output(5_000)).rejects.toThrow("ENOENT");
  expect(() => missing.pid).toThrow("did not start");
});

test.runIf(process.platform === "linux")("stopping asks first, and waits for the end", async () => {
  const procs = createProcs();
  const polite = "process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1e6); console.log('ready')";
  const proc = procs.start("peer", process.execPath, ["-e", polite]);
  await proc.line((line) => (line === "ready" ? true : null));
  await procs.stopAll();
  expect(alive(proc.pid)).toBe(false);
  expect(await proc.output(1_000)).toBe("ready\n");
});

test.runIf(process.platform === "linux")("killing takes along what the process started", async () => {
  const procs = createProcs();
  // A shell that waits for its child, as a server's master waits for its workers.
  const proc = procs.start("peer", "sh", ["-c", "sleep 600 & echo child $!; wait"]);
  const child = await proc.line(childPid);
  procs.killAll();
  // The child holds the shell's output open: that the output ends says that it is gone too.
  await expect(proc.output(5_000)).rejects.toThrow("SIGKILL");
  expect(alive(proc.pid)).toBe(false);
  await expect.poll(() => alive(child)).toBe(false);
});

test.runIf(process.platform === "linux")("one that was stopped hears of its end too", async () => {
  const procs = createProcs();
  const polite = "process.on('SIGTERM', () => console.log('bye') || process.exit(0)); setInterval(() => {}, 1e6)";
  const proc = procs.start("peer", process.execPath, ["-e", `${polite}; console.log('ready')`]);
  await proc.line((line) => (line === "ready" ? true : null));
  process.kill(proc.pid, "SIGSTOP");
  await procs.stopAll();
  expect(await proc.output(1_000)).toBe("ready\nbye\n");
});
