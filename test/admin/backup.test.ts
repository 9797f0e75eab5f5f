import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { api, OPERATOR, startAdmin } from "../help/admin.ts";
import { testDeliveries } from "../help/deliveries.ts";
import { createManualClock } from "../help/manual-clock.ts";

const PATH = "/api/v1/admin/spool/backup";

function copyOf(bytes: Buffer): string {
  const folder = mkdtempSync(join(tmpdir(), "outrigger-backup-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "spool.db.copy");
  writeFileSync(file, bytes);
  return file;
}

test("a backup is the copy byte for byte, with its length; the copy is gone then, and the audit log has it", async () => {
  const bytes = Buffer.alloc(300_000, "sqlite");
  const file = copyOf(bytes);
  const admin = await startAdmin({ deliveries: { ...testDeliveries(), backup: async () => file } });
  const response = await admin.ask(PATH, { method: "POST" });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("application/octet-stream");
  expect(response.headers.get("content-length")).toBe("300000");
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
  expect(existsSync(file)).toBe(false);
  expect(admin.audit).toMatchObject([{ by: "ops", action: "spool.backup", target: "spool", detail: "300000 bytes" }]);
});

test("a spool in Redis is not copied here, and that is no failure of the spool", async () => {
  const admin = await startAdmin({ deliveries: { ...testDeliveries(), backup: async () => null } });
  for (let n = 0; n < 2; n++)
    expect(await api(admin, "/spool/backup", undefined, "POST")).toMatchObject({
      status: 409,
      body: { type: "urn:outrigger:problem:spool-on-redis" },
    });
  expect(admin.audit).toEqual([]);
});

test("whoever leaves in the middle leaves no copy behind, and the next one may ask", async () => {
  const files = [copyOf(Buffer.alloc(20_000_000)), copyOf(Buffer.from("second"))];
  const [first = "", second = ""] = files;
  const admin = await startAdmin({ deliveries: { ...testDeliveries(), backup: async () => files.shift() ?? "" } });
  const req = request(`${admin.url}${PATH}`, { method: "POST", headers: { Authorization: `Bearer ${OPERATOR}` } });
  req.end();
  const [res] = await once(req, "response");
  expect(await api(admin, "/spool/backup", undefined, "POST")).toMatchObject({
    status: 409,
    body: { type: "urn:outrigger:problem:backup-running" },
  });
  res.on("error", () => undefined);
  res.destroy();
  expect(existsSync(first)).toBe(false);
  await expect.poll(async () => (await admin.ask(PATH, { method: "POST" })).status).toBe(200);
  expect(existsSync(second)).toBe(false);
  expect(admin.errors).toEqual([]);
});

test("whoever takes nothing for a minute is dropped, and holds up no other", async () => {
  const files = [copyOf(Buffer.alloc(64_000_000)), copyOf(Buffer.from("second"))];
  const clock = createManualClock();
  const admin = await startAdmin({
    clock,
    deliveries: { ...testDeliveries(), backup: async () => files.shift() ?? "" },
  });
  const req = request(`${admin.url}${PATH}`, { method: "POST", headers: { Authorization: `Bearer ${OPERATOR}` } });
  req.end();
  const [res] = await once(req, "response");
  await expect
    .poll(async () => {
      clock.advance(60_000);
      return (await admin.ask(PATH, { method: "POST" })).status;
    })
    .toBe(200);
  res.resume();
  await expect(once(res, "end")).rejects.toThrow();
});

test("a copy that cannot be opened is a bug that is reported, and keeps no other from being made", async () => {
  const admin = await startAdmin({ deliveries: { ...testDeliveries(), backup: async () => "/nowhere/copy" } });
  expect((await api(admin, "/spool/backup", undefined, "POST")).status).toBe(500);
  expect((await api(admin, "/spool/backup", undefined, "POST")).status).toBe(500);
  expect(admin.errors).toHaveLength(2);
});
