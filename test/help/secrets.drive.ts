import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { type Behaviour, startTestApp, type TestApp } from "./app.ts";
import { type Answered, call, post } from "./call.ts";
import { createMarks, type Marks } from "./marks.ts";
import { plantedManifest, secretHeaders, secretQuery } from "./secrets.manifest.ts";
import { createDesk, createOutputs, type Desk, type Outputs, put } from "./secrets.ts";
import { type Sidecar, startSidecar } from "./sidecar.ts";
import { startToy } from "./toy.ts";

/** A sidecar with secrets in all places, and calls with secrets in all places. */
export interface SecretsRig {
  readonly marks: Marks;
  readonly outputs: Outputs;
  readonly app: TestApp;
  /** Is told of events. */
  readonly hook: TestApp;
  readonly sidecar: Sidecar;
  readonly desk: Desk;
  readonly tokens: { readonly operator: string; readonly viewer: string };
}

/** Starts it, with OUTRIGGER_SPOOL_KEY. The endpoint of its notifications fails, and echoes. */
export async function startSecrets(): Promise<SecretsRig> {
  const [marks, outputs] = [createMarks(), createOutputs()];
  const [app, hook, dead] = [await startTestApp(quiet(200)), await startTestApp(echo(500)), await startToy("dead")];
  await dead.behave({ kind: "refuse" });
  const planted = plantedManifest(marks, { app: app.port, dead: dead.port, hook: hook.port });
  const dir = mkdtempSync(join(tmpdir(), "outrigger-secrets-"));
  put(join(dir, "secrets"), "signing", planted.signing);
  const sidecar = await startSidecar(planted.yaml, { env: planted.env, dir, whole: true });
  onTestFinished(async () => {
    await sidecar.stop();
    await Promise.all([app.stop(), hook.stop(), dead.stop()]);
    rmSync(dir, { recursive: true, force: true });
  });
  const tokens = { operator: marks.token("operator's token"), viewer: marks.token("viewer's token") };
  return { marks, outputs, app, hook, sidecar, tokens, desk: createDesk(sidecar, outputs, tokens, planted.env) };
}

/** Says back all that it was sent, in head and body, as apps in trouble do. */
export function echo(status: number): Behaviour {
  return (got, res) => {
    const { authorization, "webhook-signature": signature } = got.headers;
    res.writeHead(status, {
      "Content-Type": "application/json",
      "X-Echo-Authorization": String(authorization),
      "X-Echo-Signature": String(signature),
    });
    res.end(JSON.stringify({ url: got.url, headers: got.headers, body: got.body.toString() }));
  };
}

/** Repeats nothing, but has secrets of its own in the head. */
function quiet(status: number, own: Readonly<Record<string, string>> = {}): Behaviour {
  return (_got, res) => {
    res.writeHead(status, { "Content-Type": "application/json", ...own });
    res.end('{"said":"no more"}');
  };
}

/** An app whose error code is a secret that it was given. */
function coded(secret: (got: Parameters<Behaviour>[0]) => string): Behaviour {
  return (got, res) => {
    res.writeHead(200, { "Content-Type": "application/json" });
    res.end(JSON.stringify({ success: false, error: { code: secret(got), message: JSON.stringify(got.headers) } }));
  };
}

/** An app whose id of what it began is a secret of the caller's, and whose state of it one that the manifest sets. */
const forgetful: Behaviour = (got, res) => {
  const job = got.headers["x-auth-token"];
  res.writeHead(200, { "Content-Type": "application/json" });
  res.end(JSON.stringify(got.method === "POST" ? { job } : { state: got.headers["x-api-key"] }));
};

/** One call with secrets in all places; what its caller is answered is an output like others. */
async function send(
  { marks, outputs, sidecar }: SecretsRig,
  who: string,
  path: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Answered> {
  const body = { room: "42", password: marks.token(`${who}'s body`) };
  const headers = { ...secretHeaders(marks, who), ...more };
  const answer = await post(`${sidecar.url}${path}${secretQuery(marks, who)}`, body, { headers });
  outputs.add(`the caller ${who} is answered`, JSON.stringify(answer.headers) + answer.text);
  return answer;
}

/** Synchronous calls of all kinds: good, failing in every way, with each fallback, refused, moved. */
export async function driveSync(rig: SecretsRig): Promise<void> {
  const { app, marks } = rig;
  const token = marks.token("an answer's X-Access-Token");
  app.behave(quiet(200, { "Set-Cookie": `session=${marks.token("Set-Cookie")}`, "X-Access-Token": token }));
  for (const path of ["plain", "web", "last"]) await send(rig, "good", `/echo/${path}`);
  await send(rig, "keyed", "/echo/again", { "Idempotency-Key": "a" });
  const again = await send(rig, "keyed", "/echo/again", { "Idempotency-Key": "a" });
  expect(again.headers).toMatchObject({ "idempotency-replayed": "true", "x-access-token": token });
  await send(rig, "tagged", "/echo/tagged", { "X-Gitlab-Token": marks.token("match header") });
  app.behave(echo(500));
  for (const path of ["plain", "web", "last", "again", "later", "answer"]) await send(rig, "failing", `/echo/${path}`);
  // By the caller's own header, and by one that the manifest sets.
  app.behave(coded(({ headers }) => String(headers["x-auth-token"])));
  await send(rig, "coded", "/echo/plain");
  app.behave(coded(({ headers }) => String(headers["x-api-key"])));
  await send(rig, "coded", "/echo/plain");
  const head = `HTTP/1.1 200 OK\r\nX: ${marks.token("a broken head")}\r\n\0\r\n\r\n`;
  app.behave((_got, res) => void res.socket?.end(head));
  await send(rig, "broken", "/echo/plain");
  app.behave(quiet(200));
  for (const path of ["github", "stripe", "slack", "standard-webhooks", "hmac", "bearer"])
    await send(rig, "stranger", `/echo/${path}`);
  await send(rig, "stranger", "/nowhere");
  await send(rig, "bearer", "/echo/bearer", { Authorization: `Bearer ${marks.token("inbound bearer")}` });
  await send(rig, "moved", "/pair/answer");
}

/** Deliveries that arrive, and that die: gives the ids of two dead letters, whose app repeated nothing, and all. */
export async function driveAsync(rig: SecretsRig): Promise<{ readonly quiet: string; readonly echoed: string }> {
  const { app, sidecar, marks, outputs } = rig;
  const buried = async (who: string, path: string): Promise<string> => {
    const { headers } = await send(rig, who, path, { "Idempotency-Key": who });
    const id = String(headers.location).split("/").at(-1) ?? "";
    await sidecar.event("dlq.added", (event) => event.id === id);
    const told = await call(`${sidecar.url}/.outrigger/deliveries/${id}`, { method: "GET" });
    outputs.add("who asks for a delivery", told.text);
    return id;
  };
  app.behave(quiet(400, { "Set-Cookie": `session=${marks.token("a dead letter's Set-Cookie")}` }));
  const dead = await buried("dead", "/echo/job");
  app.behave(echo(400));
  const echoed = await buried("echoed", "/echo/job");
  const signed = app.got.findLast(({ headers }) => headers["webhook-signature"] !== undefined);
  marks.know("our signature", String(signed?.headers["webhook-signature"]));
  app.behave(forgetful);
  await buried("asked", "/echo/asked");
  app.behave(quiet(200));
  await send(rig, "delivered", "/echo/job");
  await sidecar.event("delivery.delivered");
  return { quiet: dead, echoed };
}
