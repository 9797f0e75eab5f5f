import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ADDRESS_FILE, dropAddress, noteAddress, readAddress } from "../../src/admin/address.ts";
import { ensureAdminToken } from "../../src/admin/token.ts";
import { breakerCommand } from "../../src/cli/breaker.ts";
import type { Io } from "../../src/cli/command.ts";
import { runCli } from "../../src/cli/program.ts";
import { routesCommand } from "../../src/cli/routes.ts";
import { statusCommand } from "../../src/cli/status.ts";
import { findTarget } from "../../src/cli/target.ts";
import { systemRandom } from "../../src/core/random.ts";
import { acquireOwner, type Owner } from "../../src/storage/owner.ts";
import { breakerInfo, OPERATOR, startAdmin, VIEWER } from "../help/admin.ts";
import { createIo } from "../help/io.ts";

/** How commands find a sidecar, and what they say when they do not. */

const commands = [statusCommand, routesCommand, breakerCommand];

async function run(line: string, given: Partial<Io> = {}) {
  const io = createIo(given);
  const code = await runCli(line.split(" "), io, commands);
  return { code, out: io.out(), err: io.err() };
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "outrigger-remote-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

/** A manifest whose admin listener is `admin`. */
function manifestFor(admin: string, more = "", cwd = folder()): { file: string; dataDir: string } {
  const file = join(cwd, "outrigger.yaml");
  writeFileSync(
    file,
    `version: 1\nlisten: { admin: "${admin}" }\ndata_dir: ./data\n${more}apps:\n  quiz:\n    url: http://127.0.0.1:9000\n    owner: a@b.example\n    webhooks: { winner: /w }\n`,
  );
  return { file, dataDir: join(cwd, "data") };
}

test("the options say where the sidecar is and how to come in, and come before the environment", async () => {
  const admin = await startAdmin();
  const env = { OUTRIGGER_ADMIN: "http://127.0.0.1:1", OUTRIGGER_ADMIN_TOKEN: "wrong" };
  expect((await run(`status --admin ${admin.url} --token ${OPERATOR}`, { env })).code).toBe(0);
  expect((await run("status", { env: { OUTRIGGER_ADMIN: admin.url, OUTRIGGER_ADMIN_TOKEN: VIEWER } })).code).toBe(0);
  expect((await run(`status --admin ${new URL(admin.url).host} --token ${VIEWER}`)).code).toBe(0);
});

test("without them the manifest does: its listener, and the token in its data directory", async () => {
  const cwd = folder();
  const { token } = await ensureAdminToken(join(cwd, "data"), systemRandom);
  const admin = await startAdmin({ tokens: () => [{ name: "admin-token", role: "operator", token }] });
  const { file } = manifestFor(new URL(admin.url).host, "", cwd);
  expect(await run(`status -c ${file}`)).toMatchObject({ code: 0, err: "" });
  expect(await run("status", { env: { OUTRIGGER_CONFIG: file } })).toMatchObject({ code: 0, err: "" });
  expect(await run(`status --admin ${admin.url} -c ${file}`)).toMatchObject({ code: 0, err: "" });
});

test("a manifest that is refused still says where its sidecar is, however it is wrong", async () => {
  const cwd = folder();
  const { token } = await ensureAdminToken(join(cwd, "data"), systemRandom);
  const admin = await startAdmin({ tokens: () => [{ name: "admin-token", role: "operator", token }] });
  const listen = new URL(admin.url).host;
  for (const wrong of ["nonsense: 1\n", "apps: { quiz: { url: [\n", "limits: { drain: soon }\n"]) {
    const { file } = manifestFor(listen, "", cwd);
    writeFileSync(file, `listen: { admin: "\${HERE}" }\ndata_dir: ./data\n${wrong}`);
    const found = await run(`status -c ${file}`, { env: { HERE: listen } });
    expect(found, wrong).toMatchObject({ code: 0, out: expect.stringContaining("ready") });
    expect(found.err, wrong).toMatch(
      /^note: .*outrigger.yaml is not valid: .* an earlier one\. See outrigger check .*outrigger.yaml; .*:\d+:\d+ .*\n$/,
    );
    expect((await run(`status -c ${file}`)).err, wrong).toMatch(/Name the sidecar: --admin http.* --token TOKEN/);
  }
  const { file } = manifestFor(listen, "", cwd);
  writeFileSync(
    file,
    `listen: { admin: "${listen}" }\nadmin: { tokens: [{ role: operator, token: "${token}" }] }\nx: 1\n`,
  );
  expect((await run(`status -c ${file}`)).code).toBe(0);
});

/** One that owns the data directory of `cwd`, and says that it listens there. */
async function running(cwd: string, listen: string): Promise<Owner> {
  const owner = acquireOwner(join(cwd, "data"), process.pid);
  onTestFinished(() => owner.release());
  await noteAddress(join(cwd, "data"), listen);
  return owner;
}

test("a sidecar that runs is found where it listens, whatever its manifest says by now", async () => {
  const cwd = folder();
  const { token } = await ensureAdminToken(join(cwd, "data"), systemRandom);
  const admin = await startAdmin({ tokens: () => [{ name: "admin-token", role: "operator", token }] });
  const listen = new URL(admin.url).host;
  await running(cwd, listen);
  expect(statSync(join(cwd, "data", ADDRESS_FILE)).mode & 0o777).toBe(0o600);
  for (const written of ["127.0.0.1:0", "127.0.0.1:1"]) {
    const { file } = manifestFor(written, "", cwd);
    expect(await run(`status -c ${file}`), written).toMatchObject({ code: 0, err: "" });
  }
  const { file } = manifestFor("127.0.0.1:0", "", cwd);
  await dropAddress(join(cwd, "data"));
  expect((await run(`status -c ${file}`)).code).toBe(1);
});

test("the address that a killed sidecar left is not believed, though its number and its port are another's by now", async () => {
  const cwd = folder();
  const { token } = await ensureAdminToken(join(cwd, "data"), systemRandom);
  const sent: unknown[] = [];
  const other = createServer((req, res) => {
    sent.push(req.headers.authorization);
    res.end();
  });
  await new Promise<void>((done) => other.listen(0, "127.0.0.1", done));
  onTestFinished(() => void other.close());
  const listen = `127.0.0.1:${(other.address() as AddressInfo).port}`;
  const { file } = manifestFor("127.0.0.1:0", "", cwd);
  // Its number is that of this process, which runs, and does not own the directory.
  const owner = await running(cwd, listen);
  owner.release();
  expect((await run(`status -c ${file}`)).err).toContain("leaves the admin port to chance");
  // Another one owns it by now, and has not said yet where it listens.
  await running(cwd, listen);
  writeFileSync(join(cwd, "data", ADDRESS_FILE), `${process.ppid} ${listen}\n`);
  expect((await run(`status -c ${file}`)).err).toContain("leaves the admin port to chance");
  expect(sent).toEqual([]);
  await noteAddress(join(cwd, "data"), listen);
  await run(`status -c ${file}`);
  expect(sent).toContain(`Bearer ${token}`);
});

test("an address on another machine is not believed, whoever wrote it down", async () => {
  const cwd = folder();
  mkdirSync(join(cwd, "data"));
  const dataDir = join(cwd, "data");
  await running(cwd, "127.0.0.1:1");
  for (const here of [
    "127.0.0.1:9090",
    "[::1]:9090",
    "0.0.0.0:9090",
    "[::]:9090",
    "localhost:9090",
    "unix:/run/a.sock",
  ]) {
    await noteAddress(dataDir, here);
    expect(readAddress(dataDir), here).toBe(here);
  }
  for (const elsewhere of ["10.0.0.5:9090", "127.0.0.1.evil.example:80", "[2001:db8::1]:9090", "evil.example:9090"]) {
    await noteAddress(dataDir, elsewhere);
    expect(readAddress(dataDir), elsewhere).toBe(null);
  }
});

test("a token that the manifest configures is used, an operator's before a viewer's", async () => {
  const admin = await startAdmin();
  const tokens = `admin: { tokens: [{ name: w, role: viewer, token: "${VIEWER}" }, { name: o, role: operator, token: "${OPERATOR}" }] }\n`;
  const { file } = manifestFor(new URL(admin.url).host, tokens);
  expect((await run(`breaker reset quiz winner -c ${file}`)).code).toBe(0);
});

test("a token of this machine is not sent to another one", async () => {
  const { file, dataDir } = manifestFor("127.0.0.1:9090");
  const { token } = await ensureAdminToken(dataDir, systemRandom);
  const tokenFor = (admin: string): string | null => {
    const target = findTarget(createIo(), { admin, config: file });
    return target.ok ? target.value.token : "no target";
  };
  for (const own of ["http://127.0.0.1:1", "localhost:9090", "http://[::1]:9", "unix:/run/admin.sock"])
    expect(tokenFor(own), own).toBe(token);
  for (const other of [
    "http://other.example",
    "10.0.0.5:9090",
    "http://localhost.other.example",
    "http://127.0.0.1.other.example",
  ])
    expect(tokenFor(other), other).toBeNull();
});

test("nobody there: the URL, the cause, and what to try", async () => {
  const closed = createServer();
  await new Promise<void>((done) => closed.listen(0, "127.0.0.1", done));
  const { port } = closed.address() as AddressInfo;
  await new Promise((done) => closed.close(done));
  const { code, out, err } = await run(`status --admin 127.0.0.1:${port}`);
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err).toContain(`nothing answers at http://127.0.0.1:${port} (ECONNREFUSED)`);
  expect(err).toContain("outrigger serve");
  expect((await run("status --admin unix:/nowhere/admin.sock")).err).toContain("unix:/nowhere/admin.sock (ENOENT)");
});

test("no token, a wrong one, and one that may only read each say where to find the right one", async () => {
  const admin = await startAdmin();
  const nothing = { cwd: folder() };
  const none = await run(`status --admin ${admin.url}`, nothing);
  expect(none.code).toBe(1);
  expect(none.err).toMatch(/none was found.*--token.*OUTRIGGER_ADMIN_TOKEN.*admin-token/s);
  expect((await run(`status --admin ${admin.url} --token wrong`)).err).toContain("does not know this token");
  const viewer = await run(`breaker trip quiz winner --admin ${admin.url} --token ${VIEWER}`);
  expect(viewer).toMatchObject({ code: 1, err: expect.stringContaining("token of an operator") });
});

test("what is no outrigger is not taken for one", async () => {
  const strange = createServer((req, res) => {
    if (req.url?.includes("circuit-breaker")) res.writeHead(302, { Location: "http://127.0.0.1:1/" }).end();
    else if (req.url?.includes("routes")) res.writeHead(500).end("<html>");
    else res.end('{"hello":"world"}');
  });
  await new Promise<void>((done) => strange.listen(0, "127.0.0.1", done));
  onTestFinished(() => void strange.close());
  const url = `http://127.0.0.1:${(strange.address() as AddressInfo).port}`;
  expect((await run(`status --admin ${url} --token t`)).err).toContain("is not understood");
  expect((await run(`routes --admin ${url} --token t`)).err).toContain("answered 500");
  expect((await run(`breaker list --admin ${url} --token t`)).code).toBe(1);
});

test("a manifest that cannot be loaded, or leaves the port to chance, is said with what to try", async () => {
  const bad = await run("status -c nothing-here.yaml", { cwd: folder() });
  expect(bad).toMatchObject({ code: 1, err: expect.stringContaining("outrigger check nothing-here.yaml") });
  const { file } = manifestFor("127.0.0.1:0");
  expect((await run(`status -c ${file}`)).err).toContain("leaves the admin port to chance");
  expect((await run("status --admin ftp://x/y")).err).toContain("ftp://x/y is no admin URL");
  expect((await run("status --nonsense")).code).toBe(2);
});

test("a sidecar on a unix socket is asked like any other", async () => {
  const path = join(folder(), "admin.sock");
  await startAdmin(
    { breakers: { list: () => [breakerInfo()], reset: () => "done", trip: () => "done" } },
    {},
    { kind: "unix", path },
  );
  expect((await run(`breaker list --admin unix:${path} --token ${VIEWER}`)).out).toContain("quiz/winner");
  const { file } = manifestFor(`unix:${path}`);
  expect((await run(`status -c ${file} --token ${VIEWER}`)).code).toBe(0);
});
