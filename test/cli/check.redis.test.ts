import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { checkCommand } from "../../src/cli/check.ts";
import { runCli } from "../../src/cli/program.ts";
import { createIo } from "../help/io.ts";
import { startRedis, withoutRedis } from "../help/redis.ts";

/** What `check` says of a spool on Redis. */

function manifest(url: string): string {
  const dir = mkdtempSync(join(tmpdir(), "outrigger-check-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, "outrigger.yaml");
  writeFileSync(file, `version: 1\nredis: { url: "${url}" }\nspool: { driver: redis }\napps: {}\n`);
  return file;
}

async function check(...args: string[]) {
  const io = createIo();
  const code = await runCli(["check", ...args], io, [checkCommand]);
  return { code, out: io.out(), err: io.err() };
}

test("without asking Redis, it says what may be lost and how to ask", async () => {
  const { code, out } = await check(manifest("redis://127.0.0.1:1"));
  expect(code).toBe(0);
  expect(out).toContain("with everysec those of the last two seconds may be; outrigger check --redis asks it");
});

test("a Redis that is not there is a refusal", async () => {
  const { code, err } = await check("--redis", manifest("redis://127.0.0.1:1"));
  expect(code).toBe(1);
  expect(err).toContain("Redis is not there");
});

describe.skipIf(withoutRedis)("with a Redis", () => {
  test("that writes late it warns, with one that drops keys it refuses", async () => {
    const late = await startRedis({ appendfsync: "everysec" });
    onTestFinished(() => late.close());
    const warned = await check("--redis", manifest(late.url));
    expect(warned.code).toBe(0);
    expect(warned.err).toContain("appendfsync is everysec");
    expect(warned.err).toContain("may lose the jobs acknowledged in the last second, up to two while its disk is slow");
    const dropping = await startRedis({ "maxmemory-policy": "allkeys-lru" });
    onTestFinished(() => dropping.close());
    const refused = await check("--redis", manifest(dropping.url));
    expect(refused.code).toBe(1);
    expect(refused.err).toContain("set it to noeviction");
  });
});
