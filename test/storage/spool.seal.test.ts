import { cpSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { dead, delivered, newJob, queue, takeOne } from "../contract/spool.rig.ts";
import { openFiles } from "./spool.files.ts";
import { tempDir } from "./support.ts";

const SECRET = "the-marked-secret";
const HEADERS = [
  ["Authorization", `Bearer ${SECRET}-1`],
  ["COOKIE", `session=${SECRET}-2`],
  ["Proxy-Authorization", `Basic ${SECRET}-3`],
  ["X-Hub-Signature-256", `sha256=${SECRET}-4`],
  ["webhook-signature", `v1,${SECRET}-5`],
  ["X-Gitlab-Token", `${SECRET}-7`],
  ["X-Shopify-Hmac-Sha256", `${SECRET}-8`],
  ["X-Plain", "in-the-open"],
  ["cookie", `second=${SECRET}-6`],
].flat();

/** All bytes that are on the disk of it. */
function bytesIn(dir: string): Buffer {
  const files = ["spool.db", "spool.db-wal"].map((name) => join(dir, name)).filter((path) => existsSync(path));
  return Buffer.concat(files.map((path) => readFileSync(path)));
}

async function openWith(dir: string, key?: string) {
  return openFiles(dir, key === undefined ? {} : { key });
}

async function written(key?: string) {
  const dir = tempDir();
  const files = await openWith(dir, key);
  const job = newJob(files.clock);
  const id = await queue(files.spool, { ...job, request: { ...job.request, headers: HEADERS } });
  return { ...files, id };
}

test("with a key, headers that are secrets never stand in the file, and are back in the claimed request", async () => {
  const { dir, spool, storage, id } = await written("a key");
  expect(bytesIn(dir).includes("in-the-open")).toBe(true);
  expect(bytesIn(dir).includes(SECRET)).toBe(false);
  expect((await spool.find(id))?.request?.headers).toEqual(HEADERS);
  expect((await takeOne(spool)).request.headers).toEqual(HEADERS);
  await storage.close();
  expect(bytesIn(dir).includes(SECRET)).toBe(false);
});

test("without a key they stand there as they came: so the search would find one", async () => {
  const { dir, spool } = await written();
  expect(bytesIn(dir).includes(SECRET)).toBe(true);
  expect((await takeOne(spool)).request.headers).toEqual(HEADERS);
});

test.each([
  ["another key", "not that key"],
  ["no key at all", undefined],
  ["an empty one", ""],
])("%s where jobs were sealed is refused, by the name of the variable", async (_, key) => {
  const { dir, storage } = await written("a key");
  await storage.close();
  await expect(openWith(dir, key)).rejects.toMatchObject({
    name: "StorageError",
    message: expect.stringMatching(/OUTRIGGER_SPOOL_KEY is not the key .* NEW,OLD/),
  });
});

test("a refused key changes nothing: the right one opens all as before", async () => {
  const { dir, storage } = await written("a key");
  await storage.close();
  await expect(openWith(dir, "not that key")).rejects.toThrow("OUTRIGGER_SPOOL_KEY");
  // What was opened for the refused one goes with the test: the same files, as another process finds them.
  const copy = tempDir();
  for (const name of ["spool.db", "spool.db-wal"])
    if (existsSync(join(dir, name))) cpSync(join(dir, name), join(copy, name));
  const { spool } = await openWith(copy, "a key");
  expect((await takeOne(spool)).request.headers).toEqual(HEADERS);
});

test("NEW,OLD opens what OLD sealed, and seals with NEW", async () => {
  const { dir, storage } = await written("old");
  await storage.close();
  const { spool, clock, storage: second } = await openWith(dir, "new,old");
  const { lease, request } = await takeOne(spool);
  expect(request.headers).toEqual(HEADERS);
  await spool.settle(lease, dead());
  expect(await spool.change("delete", [lease.id])).toHaveLength(1);
  const job = newJob(clock);
  await queue(spool, { ...job, request: { ...job.request, headers: HEADERS } });
  await second.close();
  const { spool: third } = await openWith(dir, "new");
  expect((await takeOne(third)).request.headers).toEqual(HEADERS);
});

test("NEW alone, while anything is there that OLD sealed, is refused", async () => {
  const { dir, storage } = await written("old");
  await storage.close();
  const second = await openWith(dir, "new,old");
  // Delivered, it may still be sent again.
  await second.spool.settle((await takeOne(second.spool)).lease, delivered());
  await second.storage.close();
  await expect(openWith(dir, "new")).rejects.toThrow("OUTRIGGER_SPOOL_KEY");
});

test("a key may be given where there was none: what was stored before is still sent", async () => {
  const { dir, storage } = await written();
  await storage.close();
  const { spool } = await openWith(dir, "a key");
  expect((await takeOne(spool)).request.headers).toEqual(HEADERS);
});

const KEY = { hash: "aGFzaA", bodyHash: "Ym9keQ", ttlMs: 60_000 };
const ROUTE = { app: "quiz", capability: "winner" };

async function answered(key?: string) {
  const files = await openWith(tempDir(), key);
  const answer = { status: 200, headers: HEADERS, body: Buffer.from("you won"), outcome: "ok" };
  await files.spool.remember(ROUTE, KEY, answer);
  return files;
}

test("an answer that is kept for a repeated key has its secrets sealed, too", async () => {
  const { dir, spool, storage } = await answered("a key");
  expect(bytesIn(dir).includes("in-the-open")).toBe(true);
  expect(bytesIn(dir).includes(SECRET)).toBe(false);
  expect((await spool.recall(ROUTE, KEY.hash))?.headers).toEqual(HEADERS);
  await storage.close();
  await expect(openWith(dir, "another key")).rejects.toThrow("OUTRIGGER_SPOOL_KEY");
});

test("NEW,OLD still gives the answer that OLD sealed, and NEW alone is refused while it is there", async () => {
  const { dir, storage } = await answered("old");
  await storage.close();
  const second = await openWith(dir, "new,old");
  expect((await second.spool.recall(ROUTE, KEY.hash))?.headers).toEqual(HEADERS);
  await second.storage.close();
  await expect(openWith(dir, "new")).rejects.toThrow("OUTRIGGER_SPOOL_KEY");
});

test("an answer that was kept without a key is still given with one", async () => {
  const { dir, storage } = await answered();
  expect(bytesIn(dir).includes(SECRET)).toBe(true);
  await storage.close();
  const { spool } = await openWith(dir, "a key");
  expect((await spool.recall(ROUTE, KEY.hash))?.headers).toEqual(HEADERS);
});
