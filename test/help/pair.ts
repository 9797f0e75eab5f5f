import { AsyncLocalStorage } from "node:async_hooks";
import { Agent } from "node:http";
import { onTestFinished, test } from "vitest";
import type { FailoverView, MoveView } from "../../src/admin/health.ts";
import type { Standing } from "../../src/core/health.ts";
import { type Answered, type Asked, call, post } from "./call.ts";
import { type Sidecar, startSidecar } from "./sidecar.ts";
import { startToyProcess, type ToyProcess } from "./toy.process.ts";
import { startToy, type Toy } from "./toy.ts";

/** An app `quiz` with a primary and a backup, of which everything goes quickly: a test takes a second or two. */

type CleanUp = typeof onTestFinished;
const own = new AsyncLocalStorage<CleanUp>();

/**
 * A test that runs beside others of its file, since most of its time is waiting for probes. Each cleans up after itself
 * by {@link finished}.
 */
export function beside(name: string, run: () => Promise<void>): void {
  test.concurrent(name, (context) => own.run(context.onTestFinished, run));
}

/** Vitest's `onTestFinished`, which knows only the newest of tests that run beside each other. */
export const finished: CleanUp = (...args) => (own.getStore() ?? onTestFinished)(...args);

const TOKEN = "a-token-of-the-test";

/** Keys of the manifest, each block laid over the usual one of these tests. */
export interface Quiz {
  readonly health?: Block;
  readonly failover?: Block;
  readonly recovery?: Block;
  /** Instead of one POST route `hook`, which may repeat and whose breaker holds back none. */
  readonly webhooks?: Block;
  /** Further keys of the app. */
  readonly app?: Block;
  /** Further keys of the manifest. */
  readonly more?: Block;
  /** Keys of each upstream, beside its name and URL; priorities are in their order unless given. */
  readonly upstreams?: readonly Block[];
}

type Block = Readonly<Record<string, unknown>>;

/** A webhook whose breaker holds back none, so that health alone decides. */
export const PATIENT = { path: "/hook", breaker: { enabled: false }, retry: { repeat: "always" } };
/** For tests in which probes are to go unanswered; the usual timeout bears with a machine that is very busy. */
export const HASTY = { timeout: "300ms" };
/** Probes come too rarely to move traffic by themselves before anything else does. */
export const RARELY = { interval: "1500ms", timeout: "500ms", fast_interval: "500ms", unhealthy_after: 3 };
/** It stays away for as long as any test. */
export const FOR_LONG = { hold: "1h", hold_max: "1h" };

/** The manifest's text, in JSON, which is YAML. */
export function quizYaml(upstreams: readonly Pick<Toy, "name" | "url">[], given: Quiz = {}): string {
  const quiz = {
    owner: "dev@quiz.example",
    upstreams: upstreams.map(({ name, url }, i) => ({ name, url, priority: i, ...given.upstreams?.[i] })),
    health: { interval: "100ms", timeout: "1s", fast_interval: "50ms", healthy_after: 2, ...given.health },
    failover: {
      hang_after: "200ms",
      ...given.failover,
      recovery: { hold: "300ms", hold_max: "1200ms", ...given.recovery },
    },
    webhooks: given.webhooks ?? { hook: PATIENT },
    ...given.app,
  };
  const admin = { tokens: [{ name: "ops", role: "operator", token: TOKEN }] };
  const blocks = Object.entries({ admin, ...given.more, apps: { quiz, ...(given.more?.apps as Block) } });
  return blocks.map(([key, block]) => `${key}: ${JSON.stringify(block)}\n`).join("");
}

/** What a test sees and does of it, beside what any sidecar offers. */
export interface QuizSidecar extends Sidecar {
  /** POSTs to a route of the app. */
  hook(asked?: Asked, route?: string): Promise<Answered>;
  /** Asks the admin API as its operator; POST where there is a body. */
  admin<T>(path: string, body?: unknown): Promise<T>;
  failover(): Promise<FailoverView>;
  /** Oldest first, as `history.db` has them. */
  moves(): Promise<readonly MoveView[]>;
  /** Moves as they were told, in short: `failover primary > backup: hang`. */
  told(): readonly string[];
}

export async function startQuiz(
  upstreams: readonly Pick<Toy, "name" | "url">[],
  given: Quiz = {},
  options: Parameters<typeof startSidecar>[1] = {},
): Promise<QuizSidecar> {
  const sidecar = await startSidecar(quizYaml(upstreams, given), options);
  finished(() => sidecar.stop());
  const admin = async <T>(path: string, body?: unknown): Promise<T> => askAdmin(sidecar, path, body);
  return {
    ...sidecar,
    admin,
    hook: (asked = {}, route = "hook") => post(`${sidecar.url}/quiz/${route}`, {}, asked),
    failover: () => admin("/failover/quiz"),
    moves: async () => (await admin<{ moves: { items: MoveView[] } }>("/failover/quiz")).moves.items.toReversed(),
    told: () => sidecar.events.flatMap((event) => (isMove(event) ? [moveText(event)] : [])),
  };
}

export async function askAdmin<T>(sidecar: Pick<Sidecar, "adminUrl">, path: string, body?: unknown): Promise<T> {
  const headers = { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" };
  const asked = body === undefined ? { method: "GET", headers } : { headers, body: JSON.stringify(body) };
  const { status, text } = await call(`${sidecar.adminUrl}/api/v1/admin${path}`, asked);
  if (status >= 400) throw new Error(`${path} answered ${status}: ${text}`);
  return JSON.parse(text) as T;
}

function isMove(event: Sidecar["events"][number]): event is Extract<typeof event, { type: "failover" | "failback" }> {
  return event.type === "failover" || event.type === "failback";
}

export function moveText(move: { type?: string; kind?: string; from: unknown; to: unknown; reason: string }): string {
  return `${move.type ?? move.kind} ${move.from} > ${move.to}: ${move.reason}`;
}

/**
 * Nothing listens there any more, and three probes have found so: when it is well again, what was before is forgotten.
 * Once for each upstream of a test.
 */
export async function die(sidecar: QuizSidecar, toy: Toy): Promise<void> {
  await toy.behave({ kind: "refuse" });
  await sidecar.event("upstream.down", ({ upstream, alert }) => upstream === toy.name && alert);
}

/** Looks after each probe of a toy whether that upstream stands so, and resolves once it does. */
export async function stands(sidecar: QuizSidecar, toy: Toy, standing: Standing): Promise<void> {
  for (;;) {
    const { upstreams } = await sidecar.failover();
    if (upstreams.find(({ upstream }) => upstream === toy.name)?.standing === standing) return;
    await toy.probed(toy.probes() + 1);
  }
}

/** A toy in this process, stopped with the test. */
export async function toyHere(name: string, at?: number): Promise<Toy> {
  const toy = await startToy(name, at);
  finished(() => toy.stop());
  return toy;
}

/** A toy in a process of its own, stopped with the test. */
export async function toyApart(name: string): Promise<ToyProcess> {
  const toy = await startToyProcess(name);
  finished(() => toy.stop());
  return toy;
}

/** A steady flow of requests: so many callers, each with one after another. */
export interface Flow {
  readonly answers: readonly Answered[];
  /** Resolves once `n` more were answered. */
  more(n: number): Promise<void>;
  /** Lets those under way end; rejects where one of all broke off. */
  stop(): Promise<readonly Answered[]>;
}

export function startFlow(send: (agent: Agent) => Promise<Answered>, width: number): Flow {
  const answers: Answered[] = [];
  const agent = new Agent({ keepAlive: true });
  let going = true;
  let waiting: { readonly n: number; readonly resolve: () => void }[] = [];
  const caller = async (): Promise<void> => {
    while (going) {
      answers.push(await send(agent));
      for (const one of waiting) if (answers.length >= one.n) one.resolve();
      waiting = waiting.filter(({ n }) => answers.length < n);
    }
  };
  const all = Promise.all(Array.from({ length: width }, caller));
  // Whoever waits hears of it by `stop`.
  all.catch(() => undefined);
  const stop = async (): Promise<readonly Answered[]> => {
    going = false;
    await all;
    agent.destroy();
    return answers;
  };
  finished(() => void stop().catch(() => undefined));
  return {
    answers,
    more: (n) =>
      Promise.race([
        new Promise<void>((resolve) => waiting.push({ n: answers.length + n, resolve })),
        all.then(() => undefined),
      ]),
    stop,
  };
}

/** How often each outcome, or whatever is read of an answer, came. */
export function counted(
  answers: readonly Answered[],
  read = ({ outcome }: Answered): string => outcome,
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const answer of answers) counts[read(answer)] = (counts[read(answer)] ?? 0) + 1;
  return counts;
}

/** Which toy answered. */
export function from({ text }: Answered): string {
  return (JSON.parse(text) as { from: string }).from;
}
