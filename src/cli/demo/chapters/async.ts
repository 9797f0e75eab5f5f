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
import { until } from "../until.ts";

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
  say.row("retry", "3 tries; none is spent while the breaker is open");
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
  const parked = await until(p, parkedNow, (found) => found !== null);
  const before = await p.desk.effort();
  // A trial of the breaker while nobody is there: it must cost no delivery one of its tries.
  const after = await until(
    p,
    () => p.desk.effort(),
    ({ sends }) => sends > before.sends,
  );
  p.say.row(
    "the route",
    `${parked ? `parked, ${parked.cause}` : "not parked"}; ${waitingIn(await p.desk.spool())} wait`,
  );
  p.say.row("tries until then", `${before.attempts}, until the breaker had opened`);
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
  const hooks = p.payloads.map((payload) => hookOf(p, payload));
  let answers = 0;
  const seen = await p.caller.callAll(hooks, AT_ONCE, () => {
    if (++answers === KILL_AFTER) void old.kill();
  });
  await old.kill();
  const kept = seen.filter(inbox.isAccepted);
  const lost = seen.filter((one) => one.lost !== null).length;
  p.answered.push(...seen.filter((one) => one.lost === null));
  p.say.row("more payloads", `${kept.length} accepted, ${lost} without an answer`);

  const startedAt = p.clock.now();
  p.outrigger = await p.sidecar(inbox.manifest(p.app.port, old));
  p.desk = createDesk(p.outrigger, p);
  p.say.row("started again", `pid ${p.outrigger.pid}, the same data`, `after ${msText(p.clock.now() - startedAt)}`);
  const stored = new Set((await p.desk.deliveries()).map(({ id }) => id));
  const accepted = p.answered.filter(inbox.isAccepted);
  const found = accepted.filter((one) => stored.has(inbox.receiptIn(one)?.id ?? "")).length;
  p.say.row("accepted until then", `${accepted.length}; still there: ${found}`);

  // Who had no answer can't know whether it was kept, so all that came in about then is sent again.
  const again = await p.caller.callAll(hooks, AT_ONCE);
  p.answered.push(...again);
  const duplicates = again.filter((one) => inbox.receiptIn(one)?.duplicate === true).length;
  const known = inbox.knownAgain(kept, again);
  p.say.row("GitHub sends them again", `${again.filter(inbox.isAccepted).length} accepted`, speed(again));
  p.say.row("", `${duplicates} known by their id, so not kept twice;`);
  p.say.row("", `${duplicates - known} of these had been kept, but not answered`);
  p.say.row("waiting", `${waitingIn(await p.desk.spool())} of ${p.payloads.length * (ROUNDS + 1)}`);
  p.promised.push(
    allOf("accepted before kill -9, and there after it", found, accepted.length),
    allOf("accepted, sent again by GitHub, known by its id", known, kept.length),
  );
}

async function appIsBack(p: Play): Promise<void> {
  const accepted = inbox.acceptedIn(p.answered);
  p.app = await toyAppAgain(p, p.secret, p.app.port);
  p.say.scene(3, `The app is started again: pid ${p.app.pid}`);
  const startedAt = p.clock.now();
  const arrived = async () => inbox.arrivedOf(accepted, await p.app.report());
  await until(p, arrived, (n) => n > 0);
  const firstMs = p.clock.now() - startedAt;
  await until(p, arrived, (n) => n === accepted.size);
  const allMs = p.clock.now() - startedAt;
  await p.desk.settled();
  const so = await p.app.report();
  p.say.row("the first arrives", "as a trial of the breaker", `after ${msText(firstMs)}`);
  p.say.row("all", `${await arrived()} of ${accepted.size}`, `after ${msText(allMs)}`);
  p.say.row("", perSecond(await arrived(), so.takenMs));
  p.say.row("signatures", `${so.verified} valid, ${so.refused} not`);
  const hard = (await p.desk.deliveries()).filter(({ sends }) => sends > 1);
  p.say.row("sent more than once", `${hard.length}, since the app had been away`);
  p.say.row("arrived more than once", `${inbox.repeatsIn(so)} (what is promised: at least once)`);
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
  await p.desk.settled();
  const { dead } = (await p.desk.spool()).states;
  const arrived = inbox.arrivedOf(inbox.acceptedIn(seen), await p.app.report());
  p.say.row("payloads", `${seen.filter(inbox.isAccepted).length} accepted, one of them a ${REFUSED}`);
  p.say.row("arrived", `${arrived}; the one holds up no other`);
  p.say.row("dead", `${dead}; after a 422 there is nothing to try again`);
  p.say.command("outrigger dlq list", await p.desk.run("dlq", "list"));

  await p.app.behave({ kind: "well" });
  p.say.line("   The app is mended. By hand, since nobody else can know that:");
  const id = inbox.receiptIn(first)?.id ?? "";
  const startedAt = p.clock.now();
  p.say.command(`outrigger dlq retry ${id}`, await p.desk.run("dlq", "retry", id));
  const taken = async () => inbox.arrivedOf(inbox.acceptedIn([first]), await p.app.report());
  const came = await until(p, taken, (n) => n === 1);
  p.say.row(
    "the payload",
    came === 1 ? "has arrived" : "has not arrived",
    `after ${msText(p.clock.now() - startedAt)}`,
  );
  await p.desk.settled();
  p.say.command("outrigger dlq list", await p.desk.run("dlq", "list"));
  p.promised.push(
    allOf("a refused payload is kept, and no other with it", dead === 1 ? arrived : 0, more.length),
    allOf("… and arrives after dlq retry", came, 1),
  );
}

/** What the whole comes to. */
async function inTheEnd(p: Play): Promise<readonly Promised[]> {
  const accepted = inbox.acceptedIn(p.answered);
  const so = await p.app.report();
  const spool = await p.desk.spool();
  const left = waitingIn(spool) + spool.states.dead + spool.states.cancelled;
  return [
    allOf("each that was accepted has arrived", inbox.arrivedOf(accepted, so), accepted.size),
    allOf("GitHub's signatures valid at the app, byte for byte", so.verified, so.verified + so.refused),
    { what: "nothing is left: none waits, none is dead", measured: `${left} left`, held: left === 0 },
  ];
}

function hookOf(p: Play, payload: GithubPayload): Hook {
  return quiz.github(payload, p.secret, p);
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
