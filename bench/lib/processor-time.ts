import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** Processor time of a process since it began, all its threads and living children together. */
export interface ProcessorTime {
  readonly userMs: number;
  readonly systemMs: number;
}

interface Stat {
  readonly parent: number;
  readonly userTicks: number;
  readonly systemTicks: number;
  /** User and system time of children that ended. */
  readonly endedTicks: number;
}

/** One line of `/proc/PID/stat` (proc(5)); times in clock ticks. Null for a line that is none. */
export function parseStat(line: string): Stat | null {
  // The second field is the program's name in brackets, and may itself hold spaces and brackets.
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  const [parent, userTicks, systemTicks] = [Number(fields[1]), Number(fields[11]), Number(fields[12])];
  const endedTicks = Number(fields[13]) + Number(fields[14]);
  if (!line.includes(")") || !Number.isFinite(parent + userTicks + systemTicks + endedTicks)) return null;
  return { parent, userTicks, systemTicks, endedTicks };
}

/** Reads it from the operating system. Throws where there is no `/proc`, or no such process. */
export function processorTime(pid: number): ProcessorTime {
  const tickMs = msPerTick();
  let userMs = 0;
  let systemMs = 0;
  for (const member of family(pid)) {
    const stat = readStat(member);
    // A child that ended meanwhile answered nothing of this run; the process itself must be there.
    if (stat === null && member === pid) throw new Error(`no processor time of process ${pid}: is there a /proc?`);
    userMs += (stat?.userTicks ?? 0) * tickMs;
    systemMs += (stat?.systemTicks ?? 0) * tickMs;
  }
  return { userMs, systemMs };
}

/** What the machine did so far: the time of all its processors, and of that what was not ours and not idle. */
export interface MachineTime {
  readonly totalMs: number;
  /** Programs that this harness did not start, and what a hypervisor gave to other machines. */
  readonly otherMs: number;
}

export function machineTime(): MachineTime {
  const tickMs = msPerTick();
  const first = readFileSync("/proc/stat", "latin1").split("\n")[0] ?? "";
  // user, nice, system, idle, iowait, irq, softirq, steal; guests are part of user.
  const ticks = first.split(/ +/).slice(1, 9).map(Number);
  const total = ticks.reduce((sum, one) => sum + one, 0);
  const idle = ticks[3]! + ticks[4]!;
  const stats = family(process.pid).map(readStat);
  const ours = stats.reduce((sum, one) => sum + (one ? one.userTicks + one.systemTicks + one.endedTicks : 0), 0);
  return { totalMs: total * tickMs, otherMs: (total - idle - ours) * tickMs };
}

/** The process and everything below it, itself first. Throws where there is no `/proc`. */
export function family(pid: number): number[] {
  const members = [pid];
  const others = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const parents = others.map((name) => ({ pid: Number(name), parent: readStat(Number(name))?.parent }));
  for (let i = 0; i < members.length; i++) {
    members.push(...parents.filter(({ parent }) => parent === members[i]).map((child) => child.pid));
  }
  return members;
}

function readStat(pid: number): Stat | null {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return null;
  }
}

let tick = 0;
function msPerTick(): number {
  if (tick === 0) tick = 1000 / Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  return tick;
}
