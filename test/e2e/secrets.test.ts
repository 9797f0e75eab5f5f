import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { call } from "../help/call.ts";
import { createMarks } from "../help/marks.ts";
import { driveAsync, driveSync, echo, type SecretsRig, startSecrets } from "../help/secrets.drive.ts";
import { type Allowed, everyGet, filesBelow, followEvents, judge, type Role } from "../help/secrets.ts";

/** Marked secrets stand in every place that can hold one, and everything that comes out is searched for them. */

test("a mark is found in every spelling", () => {
  const marks = createMarks();
  marks.know("quoted", 'a "pass" wörd+/=');
  const bytes = Buffer.from('a "pass" wörd+/=');
  const spelled = [
    JSON.stringify({ x: bytes.toString() }),
    encodeURIComponent(bytes.toString()),
    bytes.toString("hex"),
    ...["", "x", "xx", "xxx"].flatMap((before) =>
      ["", "y", "yy"].map((after) =>
        Buffer.concat([Buffer.from(before), bytes, Buffer.from(after)]).toString("base64"),
      ),
    ),
    bytes.toString("base64url"),
  ];
  for (const text of spelled) expect(marks.find(`so ${text} on`), text).toEqual(["quoted"]);
  expect(marks.find('a "pass" word')).toEqual([]);
});

const API = "/api/v1/admin";
/** On a busy machine what is waited for may come late. */
const WAIT = { timeout: 20_000 };

/** Asks all that can be asked, as a viewer and as an operator. */
async function askEverything(
  rig: SecretsRig,
  dead: { readonly quiet: string; readonly echoed: string },
): Promise<void> {
  const { desk, sidecar, marks, outputs } = rig;
  const Authorization = `Bearer ${marks.token("wrong admin token")}`;
  const wrong = await call(`${sidecar.adminUrl}${API}/status`, { method: "GET", headers: { Authorization } });
  outputs.add("a wrong token is answered", JSON.stringify(wrong.headers) + wrong.text);
  // A health check whose answer repeats how it was asked.
  rig.app.behave(echo(200));
  const health = `${API}/health/apps/pair`;
  await expect.poll(async () => (await desk.ask("viewer", "GET", health)).text, WAIT).toContain('"details":{"url":');
  for (const role of ["viewer", "operator"] as const) {
    for (const path of everyGet({ app: "pair", capability: "answer", id: dead.quiet })) {
      if (!path.endsWith("/export")) await desk.ask(role, "GET", path);
    }
    for (const path of ["plain", "answer", "job", "bearer", "github"])
      await desk.ask(role, "POST", `${API}/explain`, { path: `/echo/${path}` });
    const tagged = { path: "/echo/tagged", headers: { "X-Gitlab-Token": marks.token("match header") } };
    await desk.ask(role, "POST", `${API}/explain`, tagged);
    for (const line of commandLines(sidecar.file, dead.quiet)) await desk.cli(role, line);
    for (const scheme of ["http://", ""])
      await desk.cli(role, ["status", "--admin", `${scheme}user:${marks.token("password of --admin")}@127.0.0.1:1`]);
    for (const path of ["dlq", "deliveries"])
      await desk.ask(role, "GET", `${API}/${path}/${dead.echoed}`, undefined, "echoed");
    await desk.ask(role, "GET", `${API}/dlq/export`, undefined, "all");
    await desk.ask(role, "GET", `${API}/dlq/export?secrets=true`, undefined, "all");
  }
  expect(await desk.cli("operator", ["spool", "backup", "copy.db"])).toMatchObject({ code: 0 });
}

function commandLines(file: string, id: string): string[][] {
  return [
    ["status"],
    ["status", "--json"],
    ["routes"],
    ["routes", "--json"],
    ["apps"],
    ["apps", "pair"],
    ["failover", "show", "pair"],
    ["breaker", "list"],
    ["deliveries", "list"],
    ["deliveries", "show", id],
    ["dlq", "list"],
    ["dlq", "show", id],
    ["dlq", "show", id, "--json"],
    ["schema"],
    ["check", file],
    ["check", "--json", file],
    ["explain", "POST", "/echo/answer", "--all", "-c", file],
    ["explain", "POST", "/echo/bearer", "--json", "--all", "-c", file],
    ["explain", "POST", "/nowhere", "-c", file],
  ];
}

const ofRole = (role: Role, what: string): RegExp => new RegExp(`^${role} ${what}`);

/** What may come out, and why. All the rest is a leak. */
const ALLOWED: readonly Allowed[] = [
  {
    where: /^the caller \S+ is answered$/,
    place: /^(failing's|coded's|our signature|headers\.set|upstream url|a broken head)/,
    why: "a caller gets the app's own answer, and this app says all that it was sent",
  },
  {
    where: /^the caller (good|keyed|tagged) is answered$/,
    place: /^(Set-Cookie|an answer's X-Access-Token)$/,
    why: "a caller gets the app's own answer, its credentials for that caller too",
  },
  {
    where: /^the caller failing is answered$/,
    place: /^fallback header$/,
    why: "that is what a static fallback is for",
  },
  {
    where: ofRole("operator", "(asks GET /api/v1/admin/(dlq|deliveries)/{id}$|runs (deliveries|dlq) show)"),
    place: /^dead's body$/,
    why: "an operator may see payloads",
  },
  {
    where: ofRole("operator", "asks GET .* \\((echoed|all)\\)$"),
    place: /^(echoed's|dead's|asked's|failing's|headers\.set|our signature|upstream url)/,
    why: "an answer that says all it was sent is a payload too, and an export may keep secrets",
  },
  {
    where: /^file spool\.db|^file copy\.db/,
    place: /'s (body|query)/,
    why: "payloads and query are stored as they came: only headers are sealed",
  },
  {
    where: /^file spool\.db|^file copy\.db/,
    place: /^asked's X-Auth-Token$/,
    why: "this app gave what it began that name, and is asked by it",
  },
  {
    where: /^file spool\.db|^file copy\.db/,
    place: /^(failing's|echoed's|headers\.set|our signature|upstream url)/,
    why: "this app said all that it was sent in the body of its answer, which is kept with the dead letter",
  },
  {
    where: /^file history\.db/,
    place: /^(upstream url|health\.path) by a variable$/,
    why: "the state of breakers and health is kept by URL and with the last answer, and shown without these",
  },
  { where: /^file outrigger\.yaml$|^file signing$/, place: /./, why: "that is where they were planted" },
];

test("after a reload the log still knows the secrets of the manifest before, whose requests are under way", async () => {
  const { sidecar, marks } = await startSecrets();
  const head = readFileSync(sidecar.file, "utf8").split("\nadmin:")[0];
  sidecar.write(`${head}\napps: { a: { url: "http://127.0.0.1:1", webhooks: { w: /w } } }\n`);
  expect(await sidecar.app.reload("test")).toMatchObject({ ok: true });
  const said = sidecar.app.crashed(new Error(`${marks.token("notify header")} ${marks.token("OUTRIGGER_SPOOL_KEY")}`));
  expect(said).toContain("Error: *** ***");
  expect(readFileSync(join(sidecar.dir, "logs", "log"), "utf8")).toContain("Error: *** ***");
});

test("no secret comes out anywhere but where it is to be", { timeout: 60_000 }, async () => {
  const rig = await startSecrets();
  const { sidecar, outputs, marks, tokens } = rig;
  const events = await followEvents(sidecar, tokens.viewer);
  const tail = rig.desk.cliUntil("viewer", ["tail", "--json"]);
  await driveSync(rig);
  const dead = await driveAsync(rig);
  await askEverything(rig, dead);
  await rig.desk.ask("operator", "POST", `${API}/circuit-breaker/echo/answer/trip`, { for_ms: 1000 });
  await sidecar.event("breaker.opened");
  await expect.poll(events.text, WAIT).toContain("breaker.opened");
  await expect.poll(() => tail.text(), WAIT).toContain("breaker.opened");
  await events.end();
  const told = (): string => rig.hook.got.map(({ body }) => String(JSON.parse(body.toString()).text)).join("\n");
  await expect.poll(told, WAIT).toContain("dlq.added: in time: /state is ");
  outputs.add("notifications", told());
  outputs.add("the event stream", events.text());
  outputs.add("outrigger tail", await tail.end());
  outputs.add("metrics", (await call(`${sidecar.adminUrl}/metrics`, { method: "GET" })).text);
  // While it runs, so that write-ahead logs are among them.
  for (const { name, bytes } of filesBelow(join(sidecar.dir, "data"))) outputs.add(`file ${name}`, bytes);
  await sidecar.app.stop();
  for (const { name, bytes } of filesBelow(sidecar.dir)) outputs.add(`file ${name}`, bytes);
  expect(readFileSync(join(sidecar.dir, "logs", "log"), "utf8")).toContain("could not tell hook of ");
  expect(judge(outputs.found(marks), ALLOWED)).toEqual({ leaks: [], unused: [] });
});
