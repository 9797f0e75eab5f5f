import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { call } from "../help/call.ts";
import { startSidecar } from "../help/sidecar.ts";
import { FAULTS, SHORT_MS } from "../upstream/faults.cases.ts";

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

test("Proxy-Status names each way in which a connection fails, and says what of it people need", async () => {
  const dir = mkdtempSync(join(tmpdir(), "outrigger-faults-"));
  cleanUp.push(() => rmSync(dir, { recursive: true, force: true }));
  const cases: ((typeof FAULTS)[number] & { readonly app: string })[] = [];
  // The one to which no route leads may be dialled only here.
  let yaml = "egress: { allow: [255.255.255.255] }\napps:\n";
  for (const each of FAULTS) {
    const { peer, url, lookup, ca } = await each.open();
    cleanUp.push(async () => peer?.stop());
    // The sidecar asks the system's resolver, which no name of a test is known to.
    if (lookup !== undefined) continue;
    const app = `app-${cases.length}`;
    cases.push({ ...each, app });
    if (ca !== undefined) writeFileSync(join(dir, `${app}.pem`), ca);
    const tls = ca === undefined ? "" : `tls: { ca: "${join(dir, `${app}.pem`)}" }, `;
    const webhook = `connect_timeout: ${each.late ? SHORT_MS : 5000}ms, retry: { attempts: 1 }`;
    yaml += `  ${app}: { owner: dev@quiz.example, url: "${url}", ${tls}webhooks: { answer: { path: /answer, ${webhook} } } }\n`;
  }
  yaml +=
    "  nobody: { owner: dev@quiz.example, url: 'http://no-such-host.invalid', webhooks: { answer: { path: /answer, retry: { attempts: 1 } } } }\n";
  const sidecar = await startSidecar(yaml);
  cleanUp.push(() => sidecar.stop());
  for (const { name, app, fault, detail } of cases) {
    const { status, outcome, headers } = await call(`${sidecar.url}/${app}/answer`, { body: "{}" });
    expect([name, status, outcome]).toEqual([name, 502, `failed;reason=${fault.reason}`]);
    const [, error, details] = /^outrigger; error=(\w+); details="(.*)"$/.exec(String(headers["proxy-status"])) ?? [];
    expect([name, error]).toEqual([name, fault.proxyError]);
    expect(details).toMatch(detail);
  }
  expect(new Set(cases.map(({ fault }) => fault.proxyError)).size).toBeGreaterThan(7);
  const unknown = await call(`${sidecar.url}/nobody/answer`, { body: "{}" });
  expect(unknown).toMatchObject({ status: 502, outcome: "failed;reason=dns" });
  expect(unknown.headers["proxy-status"]).toMatch(/^outrigger; error=dns_(error|timeout); /);
});
