import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createMarks, type Marks } from "../help/marks.ts";
import { createDesk, createOutputs, filesBelow, followEvents, put } from "../help/secrets.ts";
import { startSidecar } from "../help/sidecar.ts";

/** Manifests that are refused, each at or beside a secret. */

const APP = "owner: a@b.example, url: http://127.0.0.1:1";

/** Each a whole manifest but for its head, broken at or beside a secret. Names are marks'. */
const BROKEN: Readonly<Record<string, (m: (place: string) => string) => string>> = {
  "no space after the colon": (m) => `apps: { a: { ${APP}, sign: { secrets:${m("1")} }, webhooks: { w: /w } } }`,
  "a text after a quoted one": (m) => `admin:\n  tokens:\n    - { name: ops, role: operator, token: "x" ${m("2")} }`,
  "a line that is no map": (m) => `admin:\n  tokens:\n    - name: ops\n      token ${m("3")}\n      role: operator`,
  "begins with a star": (m) => `admin: { tokens: [{ name: ops, role: operator, token: *${m("4")} }] }`,
  "begins with an exclamation mark": (m) => `admin: { tokens: [{ name: ops, role: operator, token: !${m("5")} }] }`,
  "begins with an ampersand": (m) => `admin: { tokens: [{ name: ops, role: operator, token: &${m("6")} }] }`,
  "begins with an at": (m) => `admin: { tokens: [{ name: ops, role: operator, token: @${m("7")} }] }`,
  "begins with a percent sign, alone on its line": (m) => `%${m("8")}\napps: {}`,
  "a backslash in double quotes": (m) => `admin: { tokens: [{ name: ops, role: operator, token: "\\q${m("9")}" }] }`,
  "a block scalar with more in its head": (m) => `apps:\n  a:\n    url: |${m("10")}\n      x`,
  "text where a map belongs": (m) => `apps: { a: { ${APP}, sign: "${m("11")}", webhooks: { w: /w } } }`,
  "text where a list belongs": (m) => `apps: { a: { ${APP}, sign: { secrets: "${m("12")}" }, webhooks: { w: /w } } }`,
  "a map where a list belongs": (m) =>
    `apps: { a: { ${APP}, sign: { secrets: { ${m("13")}: } }, webhooks: { w: /w } } }`,
  "a list of texts where maps belong": (m) => `admin: { tokens: ["${m("14")}"] }`,
  "an unknown key": (m) => `apps: { a: { ${APP}, signing: "${m("15")}", webhooks: { w: /w } } }`,
  "a header line as a key": (m) =>
    `apps: { a: { ${APP}, headers: { set: { "Authorization: Bearer ${m("16")}": x } }, webhooks: { w: /w } } }`,
  "a scheme and a secret that changed places": (m) =>
    `apps: { a: { ${APP}, webhooks: { w: { path: /w, inbound: { verify: whsec_${m("17")}, secrets: [github] } } } } }`,
  "a token that is too short for what it is, twice": (m) =>
    `admin: { tokens: [{ name: ops, role: operator, token: "${m("18")} x" }, { name: ops, role: none, token: ${m("18")} }] }`,
  "a URL with a password": (m) =>
    `apps: { a: { owner: x@y.example, url: "ftp://user:${m("19")}@h.example", webhooks: {} } }`,
  "an upstream with a password": (m) =>
    `apps: { a: { owner: x@y.example, url: "https://user:${m("20")}@h.example", webhooks: { w: /w } } }`,
  "a channel of a URL with a password": (m) =>
    `notify: { channels: { c: { type: http, url: "ftp://u:${m("21")}@h.example/x" } } }`,
  "a chat channel with a fragment": (m) =>
    `notify: { channels: { c: { type: slack, url: "https://h.example/${m("22")}#x" } } }`,
  "mail with a password and a path": (m) =>
    `notify: { channels: { c: { type: email, smtp: "smtp://u:${m("23")}@h.example/x", from: a@b.example, to: c@d.example } } }`,
  "redis with a password, not supported": (m) => `redis: { url: "redis://u:${m("24")}@h.example", shared: 7 }`,
  "a channel's URL with a space": (m) =>
    `notify: { channels: { c: { type: http, url: "https://h.example/x y?token=${m("25")}" } } }`,
  "a header with a line break": (m) =>
    `apps: { a: { ${APP}, headers: { set: { X-Api-Key: "${m("26")}\\n" } }, webhooks: { w: /w } } }`,
  "a variable in the wrong place": () => `apps: { a: { ${APP}, timeout: "\${SOME_TOKEN}", webhooks: { w: /w } } }`,
  "a file in the wrong place": () => `apps: { a: { ${APP}, priority: "\${file:secret}", webhooks: { w: /w } } }`,
  "a secret file as a schema": () =>
    `apps: { a: { ${APP}, webhooks: { w: { path: /w, response: { schema: secret } } } } }`,
  "a secret file as a key": () =>
    `apps: { a: { ${APP.replace("http:", "https:")}, tls: { key: secret, cert: secret }, webhooks: { w: /w } } }`,
  "a secret file as an included one": () => "include: [secret]",
  "a label of a secret header": (m) =>
    `apps: { a: { ${APP}, context: { who: { header: Authorization } }, headers: { set: { X-Api-Key: "${m("27")}" } }, webhooks: { w: 5 } } }`,
};

function texts(marks: Marks): Readonly<Record<string, string>> {
  const m = (place: string): string => marks.token(`literal ${place}`);
  return Object.fromEntries(Object.entries(BROKEN).map(([name, yaml]) => [name, yaml(m)]));
}

/** On a busy machine what is waited for may come late. */
const WAIT = { timeout: 20_000 };
const HEAD = 'version: 1\nlisten: { proxy: "127.0.0.1:0", admin: "127.0.0.1:0" }\ndata_dir: ./data\n';

test("a manifest that is refused says nothing of its secrets, wherever it is refused", {
  timeout: 60_000,
}, async () => {
  const [marks, outputs] = [createMarks(), createOutputs()];
  const env = { SOME_TOKEN: marks.token("variable"), OUTRIGGER_LOG_LEVEL: "debug" };
  const token = marks.token("operator's token");
  const good = `admin: { tokens: [{ name: ops, role: operator, token: ${token} }] }\napps: { a: { ${APP}, webhooks: { w: /w } } }`;
  const sidecar = await startSidecar(good, { env });
  onTestFinished(() => sidecar.stop());
  put(sidecar.dir, "secret", `${marks.token("file")} "`);
  const desk = createDesk(sidecar, outputs, { operator: token, viewer: token }, env);
  const events = await followEvents(sidecar, token);
  const all = Object.entries(texts(marks));
  for (const [name, yaml] of all) {
    sidecar.write(yaml);
    const reloaded = await desk.ask("operator", "POST", "/api/v1/admin/manifest/reload", {}, name);
    expect(reloaded.status, name).toBe(422);
    await desk.ask("operator", "POST", "/api/v1/admin/manifest/validate", { text: HEAD + yaml }, name);
    await desk.ask("operator", "GET", "/api/v1/admin/status", undefined, name);
    outputs.add(`check of ${name}`, (await desk.cli("operator", ["check", "--json", sidecar.file])).text);
    outputs.add(
      `explain of ${name}`,
      (await desk.cli("operator", ["explain", "GET", "/a/w", "-c", sidecar.file])).text,
    );
  }
  await expect
    .poll(() => events.text().match(/event: manifest\.rejected/g)?.length ?? 0, WAIT)
    .toBeGreaterThanOrEqual(all.length);
  await events.end();
  outputs.add("the event stream", events.text());
  await sidecar.app.stop();
  for (const { name, bytes } of filesBelow(join(sidecar.dir, "data"))) outputs.add(`file ${name}`, bytes);
  for (const { name, bytes } of filesBelow(join(sidecar.dir, "logs"))) outputs.add(`file ${name}`, bytes);
  expect(outputs.found(marks)).toEqual([]);
});
