import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startTestApp } from "../help/app.ts";
import { startChild } from "../help/child.ts";
import { fencedBlocks } from "../help/fenced.ts";
import { runCurl } from "../help/pages.rig.ts";
import { shellLines } from "../help/pages.ts";
import { startSidecar } from "../help/sidecar.ts";

/** The first ten minutes as the README tells them, but for the ports. */

const README = "README.md";
const manifests = fencedBlocks(README).filter(({ language }) => language === "yaml");
const lines = shellLines(README);

function wordsOf(start: string): readonly string[] {
  const [line, ...more] = lines.filter((one) => one.line.startsWith(start));
  expect(more).toEqual([]);
  return line?.words ?? [];
}

/** The app of the second terminal; it prints where it listens, since the page's port may be taken. */
async function startPageApp(): Promise<{ readonly url: string; kill(): Promise<void> }> {
  const [, , code = ""] = wordsOf("node -e");
  expect(code).toContain('.listen(9000, "127.0.0.1")');
  const anywhere = code.replace(
    '(9000, "127.0.0.1")',
    '(0, "127.0.0.1", function () { console.log(this.address().port) })',
  );
  const app = spawn(process.execPath, ["-e", anywhere], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(app, "exit");
  onTestFinished(() => void app.kill("SIGKILL"));
  const [port] = (await once(app.stdout, "data")) as [Buffer];
  return {
    url: `http://127.0.0.1:${port.toString().trim()}`,
    async kill() {
      app.kill("SIGKILL");
      await ended;
    },
  };
}

const curl = spawnSync("curl", ["--version"]).status === 0;

test.skipIf(!curl)("the first manifest, its app, and its calls: with the app, and without it", async () => {
  const app = await startPageApp();
  const [first = ""] = manifests.map(({ text }) => text);
  expect(first).toMatch(/^version: 1\nlisten: .*\ndata_dir: .*\n\n/);
  // Where it listens and keeps its files is the test's to say.
  const child = await startChild(first.replace(/^(?:.*\n){3}/, "").replace("http://127.0.0.1:9000", app.url));
  onTestFinished(async () => {
    child.signal("SIGTERM");
    await child.ended;
  });
  const ask = async (path: string): Promise<string> => {
    const [, ...words] = lines.find(({ line }) => line.startsWith("curl -i -d") && line.endsWith(path))?.words ?? [];
    const { out, err } = await runCurl(words.map((word) => word.replace("http://127.0.0.1:8080", child.url)));
    expect(err).toBe("");
    return out;
  };
  const winner = await ask("/quiz/winner_selection");
  expect(winner).toMatch(/^HTTP\/1.1 200 [\s\S]*^Outrigger-Outcome: ok\r$[\s\S]*"success":true/m);
  expect(await ask("/quiz/analytics")).toMatch(/^HTTP\/1.1 202 [\s\S]*^Location: \/\.outrigger\/deliveries\//m);
  await app.kill();
  expect(await ask("/quiz/winner_selection")).toMatch(
    /^HTTP\/1.1 200 [\s\S]*^Outrigger-Outcome: fallback;reason=(?:connect|reset);strategy=random_pick\r$[\s\S]*"(?:ada|grace)"/m,
  );
  expect(await ask("/quiz/analytics")).toMatch(/^HTTP\/1.1 202 /);
});

test.skipIf(!curl)("on a unix socket", async () => {
  const app = await startTestApp();
  onTestFinished(() => app.stop());
  const dir = mkdtempSync(join(tmpdir(), "outrigger-socket-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const socket = "/run/outrigger/proxy.sock";
  const block = manifests.map(({ text }) => text).find((text) => text.includes(socket)) ?? "";
  const listen = block.replace(socket, "./proxy.sock").replace("{ proxy", '{ admin: "127.0.0.1:0", proxy');
  const webhooks = "{ quiz_answer: /webhooks/answer }";
  const yaml = `version: 1\ndata_dir: ./data\n${listen}apps: { quiz: { owner: a@b.example, url: "${app.url}", webhooks: ${webhooks} } }\n`;
  const sidecar = await startSidecar(yaml, { whole: true, dir });
  onTestFinished(() => sidecar.stop());
  const [, ...words] = wordsOf("curl -i --unix-socket");
  const { out, err } = await runCurl(words.map((word) => word.replace(socket, join(dir, "proxy.sock"))));
  expect(err).toBe("");
  expect(out).toMatch(/^HTTP\/1.1 200 [\s\S]*^Outrigger-Outcome: ok\r$/m);
});

test.skipIf(!curl)(
  "as an HTTP proxy: a host that is not in the manifest is 404, and reached where no_proxy names it",
  async () => {
    const [app, other] = [await startTestApp(), await startTestApp()];
    for (const one of [app, other]) onTestFinished(() => one.stop());
    const block = manifests.map(({ text }) => text).find((text) => text.includes("match: { host: quiz.example")) ?? "";
    const sidecar = await startSidecar(block.replace("http://127.0.0.1:9000", app.url));
    onTestFinished(() => sidecar.stop());
    const { env = {}, words = [] } = lines.find(({ env }) => env.http_proxy !== undefined) ?? {};
    const ask = async (url: string, noProxy: string): Promise<string> => {
      const to = words.slice(1).map((word) => (word.startsWith("http:") ? url : word));
      return (await runCurl(to, { http_proxy: sidecar.url, no_proxy: noProxy })).out;
    };
    const named = env.no_proxy ?? "";
    expect(await ask("http://quiz.example/webhooks/winner", named)).toMatch(
      /^HTTP\/1.1 200 [\s\S]*^Outrigger-Outcome: ok\r$/m,
    );
    expect(await ask(`${other.url}/metrics`, "")).toMatch(/^HTTP\/1.1 404 [\s\S]*problem:no-route/m);
    expect(other.got).toEqual([]);
    expect(await ask(`${other.url}/metrics`, named)).toMatch(/^HTTP\/1.1 200 /);
    expect(other.got).toHaveLength(1);
  },
);
