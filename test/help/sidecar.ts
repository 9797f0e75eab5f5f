import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { LookupFunction } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, startApp } from "../../src/app.ts";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import type { OutriggerEvent } from "../../src/core/events.ts";
import { systemRandom } from "../../src/core/random.ts";

/** The whole sidecar in this process, from a manifest's text: real listeners, real files in a folder of its own. */
export interface Sidecar {
  readonly app: App;
  /** Port of the proxy listener. */
  readonly port: number;
  readonly url: string;
  readonly adminUrl: string;
  readonly file: string;
  readonly dir: string;
  readonly events: readonly OutriggerEvent[];
  /** Resolves with the first event, past or coming, that `wanted` says yes to. */
  event<T extends OutriggerEvent["type"]>(
    type: T,
    wanted?: (event: Extract<OutriggerEvent, { type: T }>) => boolean,
  ): Promise<Extract<OutriggerEvent, { type: T }>>;
  /** Writes the manifest anew; the watcher sees it, or `reload` is called. */
  write(yaml: string): void;
  stop(): Promise<void>;
}

const HEAD = `version: 1
listen: { proxy: "127.0.0.1:0", admin: "127.0.0.1:0" }
data_dir: ./data
`;

/** Starts with `apps:` and what else `yaml` holds; listeners and data directory are added. */
export async function startSidecar(
  yaml: string,
  given: {
    readonly env?: Record<string, string>;
    /** A folder to use again, as after a restart; the caller removes it. */
    readonly dir?: string;
    /** `yaml` is the whole manifest. */
    readonly whole?: boolean;
    readonly clock?: Clock;
    /** In place of the system's resolver. */
    readonly lookup?: LookupFunction;
  } = {},
): Promise<Sidecar> {
  const dir = given.dir ?? mkdtempSync(join(tmpdir(), "outrigger-test-"));
  const file = join(dir, "outrigger.yaml");
  const write = (text: string): void => writeFileSync(file, given.whole === true ? text : HEAD + text);
  write(yaml);
  mkdirSync(join(dir, "logs"), { recursive: true });
  const events: OutriggerEvent[] = [];
  const waiting = new Set<(event: OutriggerEvent) => void>();
  let up = false;
  const started = await startApp({
    onEvent: (event) => {
      // Every start says this of its manifest: tests ask for what comes after.
      if (!up && event.type === "manifest.applied") return;
      events.push(event);
      for (const tell of waiting) tell(event);
    },
    file,
    env: given.env ?? {},
    clock: given.clock ?? systemClock,
    ...(given.lookup && { lookup: given.lookup }),
    random: systemRandom,
    build: { version: "0.0.0-test", node: process.version },
    // Not beside the manifest: its folder is watched.
    logTo: join(dir, "logs", "log"),
    lingerMs: 0,
  });
  if (!started.ok) throw new Error(started.error.join("\n"));
  const app = started.value;
  up = true;
  return {
    app,
    port: Number(app.proxy.split(":").at(-1)),
    url: `http://${app.proxy}`,
    adminUrl: `http://${app.admin}`,
    file,
    dir,
    events,
    write,
    event: (type, wanted = () => true) =>
      new Promise((resolve) => {
        const suits = (event: OutriggerEvent): boolean => event.type === type && wanted(event as never);
        const past = events.find(suits);
        if (past !== undefined) return resolve(past as never);
        const tell = (event: OutriggerEvent): void => {
          if (!suits(event)) return;
          waiting.delete(tell);
          resolve(event as never);
        };
        waiting.add(tell);
      }),
    stop: async () => {
      await app.stop();
      if (given.dir === undefined) rmSync(dir, { recursive: true, force: true });
    },
  };
}
