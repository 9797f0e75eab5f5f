import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { sizeText, spanText, tookText } from "../../src/cli/amount.ts";
import { VIEWER } from "../help/admin.ts";
import { testDeliveries } from "../help/deliveries.ts";
import { startRemote } from "../help/remote.ts";

const bytes = Buffer.alloc(1_572_864, "spool");

async function start(given?: () => Promise<string | null>) {
  const cwd = mkdtempSync(join(tmpdir(), "outrigger-spool-"));
  onTestFinished(() => rmSync(cwd, { recursive: true }));
  const backup = async (): Promise<string> => {
    writeFileSync(join(cwd, "made"), bytes);
    return join(cwd, "made");
  };
  const remote = await startRemote({ ...testDeliveries(), backup: given ?? backup });
  return { cwd, ...remote };
}

test("backup writes a new file that only its owner can read, says its size, and leaves nothing at the sidecar", async () => {
  const { cwd, run } = await start();
  expect(await run("spool backup copy.db", { cwd })).toEqual({ code: 0, out: "1.5 MiB copied to copy.db\n", err: "" });
  expect(readFileSync(join(cwd, "copy.db")).equals(bytes)).toBe(true);
  expect(statSync(join(cwd, "copy.db")).mode & 0o777).toBe(0o600);
  expect(existsSync(join(cwd, "made"))).toBe(false);
  const json = await run("spool backup two.db --json", { cwd, isErrTTY: true });
  expect(JSON.parse(json.out)).toEqual({ file: "two.db", bytes: 1_572_864 });
  expect(json.err).toContain("1.5 MiB of 1.5 MiB\r\u001b[K");
});

test("backup writes over nothing, and leaves no file where it was refused", async () => {
  const { cwd, run, admin } = await start();
  writeFileSync(join(cwd, "copy.db"), "kept");
  expect(await run("spool backup copy.db", { cwd })).toMatchObject({
    code: 1,
    err: "error: copy.db is there already\nName another file, or remove that one\n",
  });
  expect(readFileSync(join(cwd, "copy.db"), "utf8")).toBe("kept");
  expect(admin.audit).toEqual([]);
  const viewer = await run(`spool backup new.db --token ${VIEWER}`, { cwd });
  expect(viewer).toMatchObject({ code: 1, err: expect.stringContaining("token of an operator") });
  expect(existsSync(join(cwd, "new.db"))).toBe(false);
});

test("backup of a spool in Redis says where that is copied, and what is to be copied here", async () => {
  const { cwd, run } = await start(() => Promise.resolve(null));
  const { code, out, err } = await run("spool backup copy.db", { cwd });
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err).toMatch(
    /^error: the spool is in redis: no file here holds it.*\nCopy it there: redis-cli BGSAVE.*history\.db/,
  );
  expect(existsSync(join(cwd, "copy.db"))).toBe(false);
});

test("amounts are rounded for people", () => {
  expect([0, 1023, 1536, 1024 ** 2, 150.4 * 1024 ** 2, 3 * 1024 ** 5].map(sizeText)).toEqual([
    "0 B",
    "1023 B",
    "1.5 KiB",
    "1 MiB",
    "150 MiB",
    "3072 TiB",
  ]);
  expect([0, 999, 61_000, 3_600_000, 90_061_000].map(spanText)).toEqual(["0s", "0s", "1m 1s", "1h", "1d 1h"]);
  expect([0.3, 999.4, 999.6, 1_069, 15_634, 23_541].map(tookText)).toEqual([
    "0ms",
    "999ms",
    "1s",
    "1.1s",
    "15.6s",
    "23.5s",
  ]);
  expect([59_949, 59_951, 95_000].map(tookText)).toEqual(["59.9s", "1m", "1m 35s"]);
});
