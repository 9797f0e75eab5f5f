import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** Processor time of a process since it began, all its threads and living children together. */
export interface ProcessorTime {
  readonly userMs: number;
  readonly systemMs: number;
}

/** One line of `/proc/PID/stat` (proc(5)); times in clock ticks. Null for a line that is none. */
export function parseStat(line: string): { parent: number; userTicks: number; systemTicks: number } | null {
  // The second field is the program's name in brackets, and may itself hold spaces and brackets.
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  const [parent, userTicks, systemTicks] = [Number(fields[1]), Number(fields[11]), Number(fields[12])];
  return line.includes(")") && Number.isFinite(parent + userTicks + systemTicks)
    ? { parent, userTicks, systemTicks }
    : null;
}

/** Reads it from the operating system. Throws where there is no `/proc`, or no such process. */
export function processorTime(pid: number): ProcessorTime {
  const tickMs = ticksToMs();
  let userMs = 0;
  let systemMs = 0;
  for (const member of family(pid)) {
    const stat = readStat(member);
    // A child that ended meanwhile answered nothing of this run; the process itself must be there.
    if (stat === null && member === pid) throw new Error(`process ${pid} is gone`);
    userMs += (stat?.userTicks ?? 0) * tickMs;
    systemMs += (stat?.systemTicks ?? 0) * tickMs;
  }
  return { userMs, systemMs };
}

/** The process and everything below it. */
function family(pid: number): number[] {
  const members = [pid];
  const others = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const parents = others.map((name) => ({ pid: Number(name), parent: readStat(Number(name))?.parent }));
  for (let i = 0; i < members.length; i++) {
    members.push(...parents.filter(({ parent }) => parent === members[i]).map((child) => child.pid));
  }
  return members;
}

function readStat(pid: number): ReturnType<typeof parseStat> {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return null;
  }
}

let tick = 0;
function ticksToMs(): number {
  if (tick === 0) tick = 1000 / Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  return tick;
}
