import { type Clock, sleep } from "../../../core/clock.ts";
import { headerValue } from "../../../core/headers.ts";
import { toyAppAgain } from "../again.ts";
import { type Caller, createCaller, type Hook, type Seen } from "../caller.ts";
import type { Chapter, Played, Stage } from "../chapter.ts";
import { createDesk, type Desk, waitingIn } from "../desk.ts";
import { type GithubPayload, githubPayloads } from "../github.ts";
import * as inbox from "../inbox.ts";
import { answerText, msText, type Narrator, speed } from "../narrator.ts";
import * as quiz from "../quiz.ts";
import { allOf, type Promised } from "../score.ts";
import type { Sidecar } from "../sidecar.ts";
import type { ToyApp } from "../toy.ts";

/** The app is dead, then Outrigger too; what was accepted arrives all the same, and what is refused, by command. */
export const async: Chapter = { play };

const AT_ONCE = 16;
/** Every example payload of GitHub's, so many times. */
const ROUNDS = 3;
/** Outrigger is killed when so many of a round have been answered. */
const KILL_AFTER = 150;
/** The event that the app refuses in the end, and how many payloads come with it. */
const REFUSED = "workflow_run";
const OTHERS = 20;
/** The longest wait of the breaker is 2 s; what has not happened after several of them does not happen. */
const PATIENCE_MS = 12_000;
const PACE_MS = 20;

interface Play extends Stage {
  readonly secret: string;
  readonly payloads: readonly GithubPayload[];
  readonly caller: Caller;
  readonly promised: Promised[];
  /** Every call that came to its end, accepted or not. */
  readonly answered: Seen[];
  app: ToyApp;
  outrigger: Sidecar;
  desk: Desk;
}

async function play(stage: Stage): Promise<Played> {
  const secret = stage.random.bytes(24).toString("hex");
  const payloads = await githubPayloads();
  const app = await stage.toyApp(secret);
  const sidecar = await stage.sidecar(inbox.manifest(app.port, inbox.ANYWHERE));
  const caller = createCaller(sidecar.proxy, stage.clock, stage.signal);
  stage.signal.addEventListener("abort", () => caller.close(), { once: true });

  const desk = createDesk(sidecar, stage);
  const p: Play = { ...stage, secret, payloads, caller, promised: [], answered: [], app, outrigger: sidecar, desk };
  introduce(stage.say, sidecar, app);
  await appDies(p);
  await outriggerDies(p);
  await appIsBack(p);
  await oneIsRefused(p);

  const promised = [inbox.acceptedInTime(p.answered), ...p.promised, ...(await inTheEnd(p))];
  p.say.line("\nWhat was promised");
  p.say.promises(promised);
  let n = 0;
  return {
    promised,
    sidecar: p.outrigger,
    look: ["outrigger deliveries list --limit 5", "outrigger dlq list", "outrigger pause quiz/github"],
    keepOn: () => caller.call(hookOf(p, payloads[n++ % payloads.length] as GithubPayload)),
  };
}

function introduce(say: Narrator, sidecar: Sidecar, app: ToyApp): void {
  say.title("Outrigger: what it has accepted arrives, whatever dies on the way.");
  say.line();
  say.line(`   GitHub  →  Outrigger ${sidecar.proxy}  →  quiz app 127.0.0.1:${app.port}`);
  say.line(`              pid ${String(sidecar.pid).padEnd(25)} pid ${app.pid}`);
  say.line(`   manifest ${sidecar.manifest}`);
  say.line();
  say.line("The manifest says of the app's webhook for GitHub:");
  say.row("mode: async", "202 as soon as it is on disk; the app gets it later");
  say.row("retry", "3 tries; while the app is away, none is spent");
  say.row("idempotency", "sent twice by GitHub, it is still one delivery");
}

async function appDies(p: Play): Promise<void> {
  await p.app.kill();
  p.say.scene(1, `The app is dead: pid ${p.app.pid} was killed`);
  const hooks = Array.from({ length: ROUNDS }, () => p.payloads.map((payload) => hookOf(p, payload))).flat();
  const startedAt = p.clock.now();
  const seen = await p.caller.callAll(hooks, AT_ONCE);
  const tookMs = p.clock.now() - startedAt;
  p.answered.push(...seen);
  const accepted = seen.filter(inbox.isAccepted);
  p.say.row("GitHub's own payloads", `${accepted.length} accepted`, speed(seen));
  p.say.row("", `${perSecond(accepted.length, tookMs)}, from ${AT_ONCE} callers at once`);
  p.say.line("   What GitHub sees:");
  p.say.quote(answerText(accepted.at(-1)));
  p.say.line("   Where Location points to, anybody who has the id may ask what became of it:");
  p.say.quote(await toldAt(p, accepted.at(-1)));

  const parkedNow = async () => (await p.desk.spool()).waiting.find(({ parked }) => parked !== null)?.parked ?? null;
  const parked = await until(p.clock, parkedNow, (found) => found !== null);
  const before = await effort(p);
  // A trial of the breaker while nobody is there: it must cost no delivery one of its tries.
  const after = await until(
    p.clock,
    () => effort(p),
    ({ sends }) => sends > before.sends,
  );
  p.say.row("the route", `parked, ${parked?.cause ?? "no: it is not"}; ${waitingIn(await p.desk.spool())} wait`);
  p.say.row("tries until then", `${before.attempts}, none of them answered`);
  p.say.row("tries since", `${after.attempts - before.attempts}; trials of the breaker: ${after.sends - before.sends}`);
  p.promised.push({
    what: "while the route was parked, no delivery spent a try",
    measured: `${after.attempts - before.attempts} spent`,
    held: parked?.cause === "breaker_open" && after.attempts === before.attempts,
  });
}

async function outriggerDies(p: Play): Promise<void> {
  p.say.scene(2, "Outrigger is killed with kill -9, with payloads coming in");
  const old = p.outrigger;
  let killed: Promise<void> | null = null;
  let answers = 0;
  const seen = await p.caller.callAll(
    p.payloads.map((payload) => hookOf(p, payload)),
    AT_ONCE,
    () => {
      if (++answers === KILL_AFTER) killed = old.kill();
    },
  );
  await killed;
  const cutOff = seen.filter(({ lost }) => lost !== null);
  p.answered.push(...seen.filter(({ lost }) => lost === null));
  p.say.row("more payloads", `${seen.filter(inbox.isAccepted).length} accepted, ${cutOff.length} without an answer`);

  const startedAt = p.clock.now();
  p.outrigger = await p.sidecar(inbox.manifest(p.app.port, old));
  p.desk = createDesk(p.outrigger, p);
  p.say.row("started again", `pid ${p.outrigger.pid}, the same data`, `after ${msText(p.clock.now() - startedAt)}`);
  const known = new Set((await p.desk.deliveries()).map(({ id }) => id));
  const accepted = p.answered.filter(inbox.isAccepted);
  const found = accepted.filter((one) => known.has(inbox.receiptIn(one)?.id ?? ""));
  p.say.row("accepted so far", `${accepted.length}; found after the start: ${found.length}`);

  const again = await p.caller.callAll(
    cutOff.map(({ hook }) => hook),
    AT_ONCE,
  );
  p.answered.push(...again);
  const duplicates = again.filter((one) => inbox.receiptIn(one)?.duplicate === true);
  p.say.row("GitHub sends again", `${again.filter(inbox.isAccepted).length} accepted`, speed(again));
  p.say.row("", `${duplicates.length} of them had been kept before the kill`);
  p.say.row("waiting", `${waitingIn(await p.desk.spool())}`);
  p.promised.push(allOf("accepted before kill -9, and there after it", found.length, accepted.length));
}

async function appIsBack(p: Play): Promise<void> {
  const accepted = p.answered.filter(inbox.isAccepted);
  p.app = await toyAppAgain(p, p.secret, p.app.port);
  p.say.scene(3, `The app is started again: pid ${p.app.pid}`);
  const startedAt = p.clock.now();
  const report = () => p.app.report();
  await until(p.clock, report, (so) => inbox.arrivedOf(accepted, so).arrived > 0);
  const firstMs = p.clock.now() - startedAt;
  await until(p.clock, report, (so) => inbox.arrivedOf(accepted, so).arrived === accepted.length);
  const allMs = p.clock.now() - startedAt;
  await settled(p);
  const so = await report();
  const { arrived, repeats } = inbox.arrivedOf(accepted, so);
  p.say.row("the first arrives", "when the breaker has tried it", `after ${msText(firstMs)}`);
  p.say.row("all", `${arrived} of ${accepted.length} have arrived`, `after ${msText(allMs)}`);
  p.say.row("", perSecond(arrived, so.takenMs));
  p.say.row("signatures", `${so.verified} valid, ${so.refused} not`);
  p.say.row("arrived twice", `${repeats}; at least once is promised`);
}

async function oneIsRefused(p: Play): Promise<void> {
  p.say.scene(4, "One payload is refused for good: the app answers 422 to it");
  await p.app.behave({ kind: "refusing", event: REFUSED });
  const refused = p.payloads.find(({ event }) => event === REFUSED);
  const others = p.payloads.filter(({ event }) => event !== REFUSED).slice(0, OTHERS);
  if (refused === undefined) throw new Error(`GitHub has no example of ${REFUSED}`);
  const [one, ...more] = [refused, ...others].map((payload) => hookOf(p, payload)) as [Hook, ...Hook[]];
  const first = await p.caller.call(one);
  const seen = [first, ...(await p.caller.callAll(more, AT_ONCE))];
  p.answered.push(...seen);
  await settled(p);
  const { dead } = (await p.desk.spool()).states;
  const { arrived } = inbox.arrivedOf(seen, await p.app.report());
  p.say.row(`one ${REFUSED}`, `${seen.filter(inbox.isAccepted).length} accepted with ${more.length} others`);
  p.say.row("arrived", `${arrived}; the one holds up nobody`);
  p.say.row("dead", `${dead}, after one try: 422 is no answer to repeat`);
  p.say.command("outrigger dlq list", await p.desk.dlq("list"));

  await p.app.behave({ kind: "well" });
  p.say.line("   The app is mended. By hand, since nobody else can know that:");
  const id = inbox.receiptIn(first)?.id ?? "";
  const startedAt = p.clock.now();
  p.say.command(`outrigger dlq retry ${id}`, await p.desk.dlq("retry", id));
  const taken = async () => inbox.arrivedOf([first], await p.app.report()).arrived;
  const came = await until(p.clock, taken, (n) => n === 1);
  p.say.row("it", came === 1 ? "has arrived" : "has not arrived", `after ${msText(p.clock.now() - startedAt)}`);
  await settled(p);
  p.say.command("outrigger dlq list", await p.desk.dlq("list"));
  p.promised.push(
    allOf("a refused payload is kept, and no other with it", dead === 1 ? arrived : 0, more.length),
    allOf("… and arrives after dlq retry", came, 1),
  );
}

/** What the whole comes to. */
async function inTheEnd(p: Play): Promise<readonly Promised[]> {
  const accepted = p.answered.filter(inbox.isAccepted);
  const so = await p.app.report();
  const { states } = await p.desk.spool();
  const left = states.queued + states.leased + states.verifying + states.dead + states.cancelled;
  return [
    allOf("each that was accepted has arrived", inbox.arrivedOf(accepted, so).arrived, accepted.length),
    allOf("GitHub's signatures valid at the app, byte for byte", so.verified, so.verified + so.refused),
    { what: "nothing is left: none waits, none is dead", measured: `${left} left`, held: left === 0 },
  ];
}

function hookOf(p: Play, payload: GithubPayload): Hook {
  return quiz.github(payload, p.secret, p);
}

/** All tries that count and all sends, of every delivery. */
async function effort({ desk }: Play): Promise<{ readonly attempts: number; readonly sends: number }> {
  const all = await desk.deliveries();
  return {
    attempts: all.reduce((sum, { attempts }) => sum + attempts, 0),
    sends: all.reduce((sum, { sends }) => sum + sends, 0),
  };
}

async function settled({ clock, desk }: Play): Promise<void> {
  await until(
    clock,
    async () => waitingIn(await desk.spool()),
    (n) => n === 0,
  );
}

/** Asks until it is so, or for as long as patience lasts; then the last answer tells what is wrong. */
async function until<T>(clock: Clock, ask: () => Promise<T>, so: (answer: T) => boolean): Promise<T> {
  const startedAt = clock.now();
  for (;;) {
    const answer = await ask();
    if (so(answer) || clock.now() - startedAt > PATIENCE_MS) return answer;
    await sleep(clock, PACE_MS);
  }
}

async function toldAt({ outrigger, signal }: Play, seen: Seen | undefined): Promise<readonly string[]> {
  const location = seen === undefined ? null : headerValue(seen.headers, "location");
  if (location === null || location === undefined) return ["(there was none)"];
  const answer = await fetch(`http://${outrigger.proxy}${location}`, { signal });
  return Object.entries((await answer.json()) as object).map(([name, value]) => `${name}: ${value}`);
}

function perSecond(count: number, ms: number): string {
  return `${Math.round((count * 1000) / Math.max(ms, 1))} a second`;
}
