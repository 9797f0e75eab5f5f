import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Got } from "./app.ts";
import { createToyLedger, type ToyLedger } from "./toy.ledger.ts";
import type { Toy, ToyAnswer, ToyHealth, ToyMood } from "./toy.ts";

/** A toy upstream in a process of its own. What it received is known here, and stays known when it is killed. */
export interface ToyProcess extends Toy {
  readonly pid: number;
  /**
   * Stops it as it is: the kernel goes on accepting connections and bytes for it, and nobody answers. While it is
   * stopped, nothing else can be told to it but {@link resume}, {@link kill} and {@link stop}.
   */
  freeze(): void;
  resume(): void;
  /** SIGKILL; resolves once the process is gone, and its port refuses. */
  kill(): Promise<void>;
  /** After {@link kill}: a new process at the same port, well. */
  restart(): Promise<void>;
}

export type ToyOrder =
  | { readonly kind: "behave"; readonly mood: ToyMood }
  | { readonly kind: "health"; readonly as: ToyHealth }
  | { readonly kind: "release" };

export type ToyNews =
  | { readonly kind: "listening"; readonly port: number }
  /** One for each order, in their order. */
  | { readonly kind: "done" }
  | { readonly kind: "seen"; readonly got: Got; readonly answer: ToyAnswer };

const PROGRAM = fileURLToPath(new URL("./toy.program.ts", import.meta.url));

export async function startToyProcess(name: string): Promise<ToyProcess> {
  const ledger = createToyLedger();
  let life = await launch(name, ledger);
  const { port } = life;
  return {
    ...ledger,
    name,
    port,
    url: `http://127.0.0.1:${port}`,
    get pid() {
      return life.pid;
    },
    behave: (mood) => life.tell({ kind: "behave", mood }),
    health: (as) => life.tell({ kind: "health", as }),
    release: () => life.tell({ kind: "release" }),
    freeze: () => life.signal("SIGSTOP"),
    resume: () => life.signal("SIGCONT"),
    kill: () => life.kill(),
    restart: async () => {
      await life.kill();
      life = await launch(name, ledger, port);
    },
    stop: () => life.kill(),
  };
}

interface Life {
  readonly pid: number;
  readonly port: number;
  tell(order: ToyOrder): Promise<void>;
  signal(name: NodeJS.Signals): void;
  kill(): Promise<void>;
}

async function launch(name: string, ledger: ToyLedger, at?: number): Promise<Life> {
  const args = at === undefined ? [name] : [name, String(at)];
  // No coverage of a process that is killed.
  const env = { PATH: process.env.PATH ?? "" };
  const child = fork(PROGRAM, args, { env, execArgv: [], serialization: "advanced" });
  // A stopped process, too, is ended by this signal; it would not hear of the end of its channel.
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  let listening = (_port: number): void => {};
  const orders: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  child.on("message", (news: ToyNews) => {
    if (news.kind === "seen") ledger.add({ ...news.got, body: Buffer.from(news.got.body) }, news.answer);
    else if (news.kind === "done") orders.shift()?.resolve();
    else listening(news.port);
  });
  // Its last news may be read after its exit.
  const gone = Promise.all([once(child, "exit"), once(child, "disconnect")]).then(() => {
    process.off("exit", kill);
    for (const { reject } of orders.splice(0)) reject(new Error(`${name} ended before it had done as told`));
  });
  const port = await new Promise<number>((resolve, reject) => {
    listening = resolve;
    void gone.then(() => reject(new Error(`${name} ended before it listened`)), reject);
  });
  return {
    pid: child.pid ?? 0,
    port,
    tell: (order) =>
      new Promise((resolve, reject) => {
        orders.push({ resolve, reject });
        child.send(order, (error) => error !== null && reject(error));
      }),
    signal: (signal) => void child.kill(signal),
    kill: () => {
      kill();
      return gone;
    },
  };
}
