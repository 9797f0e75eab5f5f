import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { StoredBreaker, StoredHealth } from "../../src/core/stored.ts";

/** A directory of the test's own, gone with it. */
export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "outrigger-storage-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export function breakerRow(more: Partial<StoredBreaker> = {}): StoredBreaker {
  return {
    app: "quiz",
    capability: "winner",
    upstream: "primary",
    url: "http://10.0.0.5:9000",
    state: "open",
    since: 1_700_000_000_000,
    until: 1_700_000_060_000,
    reopenings: 1,
    consecutiveFailures: 5,
    savedAt: 1_700_000_000_000,
    ...more,
  };
}

export function healthRow(more: Partial<StoredHealth> = {}): StoredHealth {
  return {
    app: "quiz",
    upstream: "primary",
    url: "http://10.0.0.5:9000",
    standing: "away",
    since: 1_700_000_000_000,
    cause: "hang",
    status: "unhealthy",
    consecutiveFailures: 3,
    holdMs: 30_000,
    returnedAt: null,
    probe: {
      at: 1_700_000_000_000,
      status: "unhealthy",
      answered: false,
      httpStatus: 0,
      durationMs: 1000.25,
      reason: "timeout",
      proxyError: "http_response_timeout",
      detail: "no answer after 1000 ms",
      details: null,
    },
    savedAt: 1_700_000_000_000,
    ...more,
  };
}

/** As the file's header says (sqlite.org/fileformat2.html#page_size). */
export const pageBytesOf = (path: string): number => readFileSync(path).readUInt16BE(16);

/** Overwrites whole pages, counted from 1, with junk. */
export function junkPages(path: string, pages: readonly number[]): void {
  const bytes = pageBytesOf(path);
  const fd = openSync(path, "r+");
  for (const page of pages) writeSync(fd, Buffer.alloc(bytes, 0xa5), 0, bytes, (page - 1) * bytes);
  closeSync(fd);
}

/** Numbers of the pages that hold this text. */
export function pagesWith(path: string, text: string): number[] {
  const bytes = readFileSync(path);
  const size = pageBytesOf(path);
  const pages: number[] = [];
  for (let page = 1; page <= bytes.length / size; page++) {
    if (bytes.subarray((page - 1) * size, page * size).includes(text)) pages.push(page);
  }
  return pages;
}
