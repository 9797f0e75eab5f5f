import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startTestApp } from "../help/app.ts";
import { startRedis, type TestRedis, withoutRedis } from "../help/redis.ts";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";

/** The whole sidecar with its spool on a real Redis. */

const TOKEN = "token-of-this-test";
let redis: TestRedis;
let prefixes = 0;

const manifest = (appUrl: string, prefix: string, driver = "redis", server = redis): string => `
redis: { url: "${server.url}", key_prefix: ${prefix}, shared: [] }
spool: { driver: ${driver} }
apps:
  quiz:
    upstreams: [{ name: a, url: "${appUrl}" }]
    webhooks: { winner: { path: /w, mode: async, retry: { attempts: 100, initial: 10ms, max: 300ms }, breaker: { enabled: false } } }
`;

async function post(sidecar: Sidecar, body: string): Promise<string> {
  const res = await fetch(`${sidecar.url}/quiz/winner`, { method: "POST", body });
  expect(res.status).toBe(202);
  return ((await res.json()) as { id: string }).id;
}

/** A folder that a sidecar may be started in again. */
function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), "outrigger-test-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

describe.skipIf(withoutRedis)("with a spool on Redis", () => {
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.close());

  test("what is accepted reaches the app, retried where it must be, and everybody can look at it", async () => {
    const app = await startTestApp((_got, res, n) => void res.writeHead(n === 0 ? 503 : 200).end());
    onTestFinished(() => app.stop());
    const env = { OUTRIGGER_ADMIN_TOKEN: TOKEN };
    const sidecar = await startSidecar(manifest(app.url, `p${prefixes++}`), { env });
    onTestFinished(() => sidecar.stop());
    const id = await post(sidecar, "\u0000binary\uffff");
    const { sends } = await sidecar.event("delivery.delivered");
    expect(sends).toBe(2);
    expect(app.got.map(({ body }) => body.toString())).toEqual(["\u0000binary\uffff", "\u0000binary\uffff"]);
    const found = await fetch(`${sidecar.adminUrl}/api/v1/admin/deliveries/${id}`, {
      headers: { Authorization: `Bearer ${TOKEN}` },
    });
    expect(await found.json()).toMatchObject({ id, state: "delivered", attempts: 2 });
    const copy = await fetch(`${sidecar.adminUrl}/api/v1/admin/spool/backup`, {
      method: "POST",
      headers: { Authorization: `Bearer ${TOKEN}` },
    });
    expect(await copy.json()).toMatchObject({ status: 409, type: "urn:outrigger:problem:spool-on-redis" });
  });

  test("a sidecar finds and delivers what another has accepted and can't deliver", async () => {
    const app = await startTestApp();
    onTestFinished(() => app.stop());
    const prefix = `p${prefixes++}`;
    const second = await startSidecar(manifest(app.url, prefix));
    onTestFinished(() => second.stop());
    // It knows another address of the app, where nobody is, and is gone soon.
    const first = await startSidecar(manifest("http://127.0.0.1:9", prefix));
    const id = await post(first, "hello");
    await first.stop();
    const { id: delivered } = await second.event("delivery.delivered");
    expect(delivered).toBe(id);
    expect(app.got.map(({ body }) => body.toString())).toEqual(["hello"]);
  });

  test("a start is refused while the other store holds jobs, and says how to move them", async () => {
    const dir = folder();
    const prefix = `p${prefixes++}`;
    const before = await startSidecar(manifest("http://127.0.0.1:9", prefix, "sqlite"), { dir });
    await post(before, "kept");
    await before.stop();
    await expect(startSidecar(manifest("http://127.0.0.1:9", prefix), { dir })).rejects.toThrow(
      "1 job waits in the spool on sqlite: run outrigger spool move --from sqlite --to redis",
    );
  });

  test("and so it is the other way round", async () => {
    const dir = folder();
    const prefix = `p${prefixes++}`;
    const before = await startSidecar(manifest("http://127.0.0.1:9", prefix), { dir });
    await post(before, "kept");
    await before.stop();
    await expect(startSidecar(manifest("http://127.0.0.1:9", prefix, "sqlite"), { dir })).rejects.toThrow(
      "1 job waits in the spool on redis: run outrigger spool move --from redis --to sqlite",
    );
  });

  test("while Redis is away what comes is refused for later; what was accepted before is delivered once it is back", async () => {
    const own = await startRedis();
    onTestFinished(() => own.close());
    let answer = 503;
    const app = await startTestApp((_got, res) => void res.writeHead(answer).end());
    onTestFinished(() => app.stop());
    const sidecar = await startSidecar(manifest(app.url, "own", "redis", own));
    onTestFinished(() => sidecar.stop());
    const id = await post(sidecar, "before");
    await app.received(1);
    await own.kill();
    await sidecar.event("redis.lost");
    const refused = await fetch(`${sidecar.url}/quiz/winner`, { method: "POST", body: "meanwhile" });
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(refused.headers.get("outrigger-outcome")).toBe("rejected;reason=storage");
    expect(refused.headers.get("proxy-status")).toBe("outrigger; error=proxy_internal_error");
    expect(await refused.json()).toMatchObject({ detail: expect.stringMatching(/^The spool is not available/) });
    answer = 200;
    await own.restart();
    await sidecar.event("redis.back");
    const delivered = await sidecar.event("delivery.delivered");
    expect(delivered.id).toBe(id);
    expect(app.got.at(-1)?.body.toString()).toBe("before");
  });

  test("a start without Redis listens, is not ready, and delivers once Redis has come", async () => {
    const own = await startRedis();
    onTestFinished(() => own.close());
    await own.stop();
    const app = await startTestApp();
    onTestFinished(() => app.stop());
    const sidecar = await startSidecar(manifest(app.url, "own", "redis", own));
    onTestFinished(() => sidecar.stop());
    expect((await fetch(`${sidecar.adminUrl}/readyz`)).status).toBe(503);
    expect((await fetch(`${sidecar.url}/quiz/winner`, { method: "POST", body: "early" })).status).toBe(503);
    await own.restart();
    await expect.poll(async () => (await fetch(`${sidecar.adminUrl}/readyz`)).status, { timeout: 20_000 }).toBe(200);
    await expect
      .poll(async () => (await fetch(`${sidecar.url}/quiz/winner`, { method: "POST", body: "now" })).status)
      .toBe(202);
    await sidecar.event("delivery.delivered");
    expect(app.got.at(-1)?.body.toString()).toBe("now");
  });
});
