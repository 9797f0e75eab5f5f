import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** A program of the harness in a process of its own, which outlives every kill, and is told and heard over IPC. */
export interface Program<Order, News extends { readonly kind: string }> {
  readonly pid: number;
  tell(order: Order): void;
  /** Resolves with the news of that kind that `wanted` says yes to, the latest or one to come; rejects when it ends. */
  heard<K extends News["kind"]>(
    kind: K,
    wanted?: (news: Extract<News, { kind: K }>) => boolean,
  ): Promise<Extract<News, { kind: K }>>;
  /** SIGKILL. Twice is safe. */
  stop(): Promise<void>;
}

/** `name` is a file of this folder, told `options` as its first argument. */
export function startProgram<Order extends object, News extends { readonly kind: string }>(
  name: string,
  options: unknown,
): Program<Order, News> {
  const file = fileURLToPath(new URL(name, import.meta.url));
  const child = fork(file, [JSON.stringify(options)], {
    execArgv: [],
    env: { PATH: process.env.PATH ?? "", NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE },
    stdio: ["ignore", "inherit", "pipe", "ipc"],
  });
  const latest = new Map<string, News>();
  const waiting = new Set<() => void>();
  let said = "";
  let over = false;
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-4_000);
  });
  child.on("message", (news) => {
    latest.set((news as News).kind, news as News);
    for (const look of waiting) look();
  });
  const ended = once(child, "close").then(() => {
    over = true;
    for (const look of waiting) look();
  });
  return {
    pid: child.pid ?? 0,
    tell: (order) => void child.send(order),
    heard: (kind, wanted = () => true) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const news = latest.get(kind) as Parameters<typeof wanted>[0] | undefined;
          const found = news !== undefined && wanted(news);
          if (!found && !over) return void waiting.add(look);
          waiting.delete(look);
          if (found) resolve(news);
          else reject(new Error(`${name} ended: ${said}`));
        };
        look();
      }),
    async stop() {
      if (!over) child.kill("SIGKILL");
      await ended;
    },
  };
}
