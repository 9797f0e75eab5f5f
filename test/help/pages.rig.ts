import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commandsOf } from "../../src/cli/commands.ts";
import { runCli } from "../../src/cli/program.ts";
import { systemClock } from "../../src/core/clock.ts";
import { systemRandom } from "../../src/core/random.ts";
import { type Behaviour, json, startTestApp } from "./app.ts";
import { call } from "./call.ts";
import { createIo } from "./io.ts";
import type { ShellLine } from "./pages.ts";
import { startSidecar } from "./sidecar.ts";

/** Where the commands of the pages are run: a sidecar with what they name, in trouble as they say. */
export interface PagesRig {
  /** In this process, from a folder that looks like a checkout. */
  run(line: ShellLine): Promise<Ran>;
  /** `curl` itself, at this sidecar's ports in place of the page's. */
  curl(line: ShellLine): Promise<Ran>;
  stop(): Promise<void>;
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** `curl` itself, with nothing of the reader's own settings. */
export function runCurl(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const own = { PATH: process.env.PATH, ...env };
    execFile("curl", ["-q", "-sS", ...args], { env: own }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}

const COMMANDS = commandsOf({
  clock: systemClock,
  random: systemRandom,
  move: () => Promise.reject(new Error("no spool is moved here")),
});

/** The ids of alerts in the pages are those of a rule that is built in; here one bad call is enough for it. */
const manifest = (app: string, backup: string, chat: string): string => `
admin: { tokens: [{ name: ops, role: operator, token: a-token-for-the-pages }] }
alerts:
  interval: 1s
  rules: [{ name: low-success, metric: success_rate, below: 95, min_samples: 1 }]
notify:
  channels: { chat: { type: slack, url: "${chat}" } }
  routes: [{ on: [dlq.added], to: [chat] }]
apps:
  quiz:
    owner: dev@quiz.example
    upstreams: [{ name: primary, url: "${app}", priority: 0 }, { name: backup, url: "${backup}", priority: 1 }]
    webhooks:
      quiz_answer: { path: /webhooks/answer }
      winner_selection: { path: /webhooks/winner }
      analytics: { async: true, path: /webhooks/analytics }
  proxied:
    owner: dev@quiz.example
    url: "${app}"
    webhooks: { winner: { path: /webhooks/winner, match: { host: quiz.example, path: /webhooks/winner } } }
`;

export async function startPagesRig(): Promise<PagesRig> {
  await using undo = new AsyncDisposableStack();
  const [app, backup, chat] = await Promise.all([startTestApp(), startTestApp(), startTestApp()]);
  for (const one of [app, backup, chat]) undo.defer(() => one.stop());
  const sidecar = await startSidecar(manifest(app.url, backup.url, chat.url));
  undo.defer(() => sidecar.stop());
  const cwd = mkdtempSync(join(tmpdir(), "outrigger-pages-"));
  undo.defer(() => rmSync(cwd, { recursive: true }));
  symlinkSync(join(process.cwd(), "config"), join(cwd, "config"));
  const where = `version: 1\nlisten: { proxy: "${sidecar.app.proxy}", admin: "${sidecar.app.admin}" }\ndata_dir: ./data\n`;
  writeFileSync(join(cwd, "my.yaml"), where + manifest(app.url, backup.url, chat.url));

  let broken = true;
  const behaviour: Behaviour = (got, res, n) => {
    if (got.url === "/webhooks/analytics") json(422, { error: "not in this room" })(got, res, n);
    else if (broken && got.url === "/webhooks/winner") json(500, { error: "broken" })(got, res, n);
    else json(200, { success: true, data: {} })(got, res, n);
  };
  for (const one of [app, backup]) one.behave(behaviour);
  // What the alert is about.
  await call(`${sidecar.url}/quiz/winner_selection`, { body: "{}" });
  await sidecar.event("alert.firing");
  broken = false;
  let posted = 0;
  /** A new dead letter's id: what a command before did to another one is of no matter. */
  const deadLetter = async (): Promise<string> => {
    const id = `page-${posted++}`;
    await call(`${sidecar.url}/quiz/analytics`, { headers: { "X-Request-ID": id }, body: '{"n":1}' });
    return (await sidecar.event("dlq.added", ({ requestId }) => requestId === id)).id;
  };
  const env = { OUTRIGGER_CONFIG: join(cwd, "my.yaml") };
  const outrigger = async (words: readonly string[], given: Parameters<typeof createIo>[0] = {}): Promise<Ran> => {
    const io = createIo({ env, cwd, ...given });
    const code = await runCli(words, io, COMMANDS);
    return { code, out: io.out(), err: io.err() };
  };
  const idFor = async (words: readonly string[]): Promise<string> => {
    if (words[0] !== "notifications") return deadLetter();
    await deadLetter();
    const listed = JSON.parse((await outrigger(["notifications", "list", "--json"])).out) as {
      items: { id: string }[];
    };
    return listed.items[0]?.id ?? "there is none";
  };
  await deadLetter();

  const cleanUp = undo.move();
  return {
    async run({ words: [, ...words] }) {
      if (words[0] === "tail") return tail(words);
      // One of the lines before may have sent the last one again.
      if (words[0] === "dlq") await deadLetter();
      const filled: string[] = [];
      for (const word of words) filled.push(word === "ID" ? await idFor(words) : word);
      return outrigger(filled);
    },
    curl: ({ words: [, ...args], env: own }) => {
      const here = (text: string): string => text.replace("127.0.0.1:8080", sidecar.app.proxy);
      return runCurl(args.map(here), Object.fromEntries(Object.entries(own).map(([name, to]) => [name, here(to)])));
    },
    stop: () => cleanUp.disposeAsync(),
  };

  /** Until it has printed something; calls are made until then. */
  async function tail(words: readonly string[]): Promise<Ran> {
    const printed = new AbortController();
    let out = "";
    const running = outrigger(words, {
      signal: printed.signal,
      stdout: (text) => {
        out += text;
        printed.abort();
      },
    });
    while (!printed.signal.aborted) await deadLetter();
    return { ...(await running), out };
  }
}
