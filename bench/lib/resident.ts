import { readFileSync } from "node:fs";

/** Resident memory of a process in MB (10^6 bytes), as the operating system counts it. */
export function residentMb(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  if (kib === undefined) throw new Error(`no resident memory of process ${pid}: is there a /proc?`);
  return (Number(kib) * 1024) / 1e6;
}
