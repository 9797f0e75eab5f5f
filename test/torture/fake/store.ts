import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";

export interface FakeJob {
  readonly id: string;
  readonly route: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly key: string | null;
}

export interface FakeEnd {
  readonly id: string;
  readonly state: "delivered" | "dead";
}

/** The fake's file: a line for each job and for each end, written and synced by turns of the event loop. */
export interface FakeStore {
  /** As it was left, in the order of arrival. */
  readonly jobs: ReadonlyMap<string, FakeJob>;
  readonly ends: ReadonlyMap<string, FakeEnd>;
  /** Resolves once it is on the disk. */
  put(job: FakeJob): Promise<void>;
  end(end: FakeEnd): Promise<void>;
  close(): void;
}

interface Entry {
  readonly line: string;
  readonly apply: () => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export function openFakeStore(dir: string): FakeStore {
  const path = join(dir, "jobs.ndjson");
  const file = openSync(path, "a+");
  const jobs = new Map<string, FakeJob>();
  const ends = new Map<string, FakeEnd>();
  const text = readFileSync(path, "utf8");
  // A line that a kill cut was never acknowledged.
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  ftruncateSync(file, Buffer.byteLength(whole));
  for (const line of whole.split("\n").filter(Boolean)) {
    const { job, end } = JSON.parse(line) as { job?: FakeJob; end?: FakeEnd };
    if (job) jobs.set(job.id, job);
    if (end) ends.set(end.id, end);
  }
  let waiting: Entry[] = [];

  function write(): void {
    const entries = waiting;
    waiting = [];
    const { size } = fstatSync(file);
    try {
      const bytes = Buffer.from(entries.map(({ line }) => line).join(""));
      if (writeSync(file, bytes) < bytes.length) throw new Error("the disk is full");
      fdatasyncSync(file);
    } catch (error) {
      ftruncateSync(file, size);
      for (const { reject } of entries) reject(error);
      return;
    }
    for (const { apply, resolve } of entries) {
      apply();
      resolve();
    }
  }

  function add(value: object, apply: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(write);
      waiting.push({ line: `${JSON.stringify(value)}\n`, apply, resolve, reject });
    });
  }

  return {
    jobs,
    ends,
    put: (job) => add({ job }, () => jobs.set(job.id, job)),
    end: (end) => add({ end }, () => ends.set(end.id, end)),
    close: () => closeSync(file),
  };
}
