import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { parse } from "yaml";
import { systemRandom } from "../../../src/core/random.ts";
import { BUGS, createDeliverer } from "./deliver.ts";
import { type FakeJob, openFakeStore } from "./store.ts";

/**
 * Speaks as much of the sidecar's contract as the harness uses, on a file of its own: the harness is tested with it,
 * and with the bug that is named last. `serve -c FILE [BUG]`
 */

interface FakeManifest {
  readonly listen: { readonly proxy: string };
  readonly data_dir: string;
  readonly apps: {
    readonly torture: { readonly url: string; readonly headers: { readonly set: { "X-Life": string } } };
  };
}

/** How long the forgetful one lies. */
const LATE_MS = 200;
const TOKEN = "a-token-of-the-fake";

const [, , file = "", given] = process.argv.slice(2);
const bug = BUGS.find((one) => one === given) ?? "none";
const { listen, data_dir: dataDir, apps } = parse(readFileSync(file, "utf8")) as FakeManifest;
mkdirSync(dataDir, { recursive: true });
const store = openFakeStore(dataDir);
const app = { url: apps.torture.url, life: apps.torture.headers.set["X-Life"] };
const deliverer = createDeliverer(store, app, bug, systemRandom);
for (const job of store.jobs.values()) if (!store.ends.has(job.id)) deliverer.add(job);

const answer = (res: ServerResponse, status: number, value: unknown): void => {
  res.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value));
};

async function take(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const headers = Object.entries(req.headers).filter(([name]) => name.startsWith("x-"));
  const route = (req.url ?? "").split("/").at(-1) ?? "";
  const key = route === "ordered" ? String((JSON.parse(body.toString()) as { key: unknown }).key) : null;
  const id = randomUUID();
  const job: FakeJob = {
    id,
    route,
    headers: Object.fromEntries(headers) as Record<string, string>,
    body: body.toString("base64"),
    key,
  };
  if (bug === "forget") setTimeout(() => void store.put(job).then(() => deliverer.add(job)), LATE_MS);
  else await store.put(job).then(() => deliverer.add(job));
  answer(res, 202, { id, status: "queued", duplicate: false });
}

const onProxy: RequestListener = (req, res) => {
  if (req.method === "POST")
    return void take(req, res).catch((error: Error) => answer(res, 503, { title: error.message }));
  const id = (req.url ?? "").split("/").at(-1) ?? "";
  const status = store.ends.get(id)?.state ?? (store.jobs.has(id) ? "queued" : null);
  return status === null ? answer(res, 404, { title: "unknown" }) : answer(res, 200, { id, status });
};

const onAdmin: RequestListener = (req, res) => {
  if (req.headers.authorization !== `Bearer ${TOKEN}`) return answer(res, 401, {});
  const url = new URL(req.url ?? "", "http://localhost");
  const dead = [...store.ends.values()].filter(({ state }) => state === "dead");
  if (url.pathname === "/api/v1/admin/status") {
    return answer(res, 200, { spool: { states: { queued: store.jobs.size - store.ends.size, leased: 0 } } });
  }
  const from = Number(url.searchParams.get("cursor") ?? 0);
  const to = from + Number(url.searchParams.get("limit") ?? 100);
  const items = dead.slice(from, to).map(({ id }) => ({ id, reason: "permanent_status" }));
  return answer(res, 200, { items, next: to < dead.length ? String(to) : null });
};

const [host, port] = listen.proxy.split(":");
const proxy = createServer(onProxy).listen(Number(port), host, () => {
  const admin = createServer(onAdmin).listen(0, host, () => {
    const bound = [proxy, admin].map((one) => `${host}:${(one.address() as AddressInfo).port}`);
    writeFileSync(join(dataDir, "admin-token"), TOKEN);
    process.stdout.write(`${JSON.stringify({ event: "ready", proxy: bound[0], admin: bound[1] })}\n`);
  });
});
