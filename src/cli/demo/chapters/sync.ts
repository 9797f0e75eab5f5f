import { sleep } from "../../../core/clock.ts";
import { FALLBACK_GRACE_MS } from "../../../core/exchange.ts";
import { headerValue } from "../../../core/headers.ts";
import { toyAppAgain } from "../again.ts";
import { BREAKER_MOVES, breakerRows, recovered } from "../breakers.ts";
import { type Caller, createCaller, type Seen } from "../caller.ts";
import type { Chapter, Played, Stage } from "../chapter.ts";
import { githubPayloads } from "../github.ts";
import { answerText, msText, type Narrator, reasonsText, speed } from "../narrator.ts";
import * as quiz from "../quiz.ts";
import { allOf, answeredInTime, type Promised, type Scene, tally } from "../score.ts";
import type { Sidecar } from "../sidecar.ts";
import { sumUp } from "../sumup.ts";
import type { ToyApp } from "../toy.ts";
import { type Told, watchEvents } from "../watch.ts";

/** The app is well, slow, hanging, broken, dead and well again; what its callers see all the while. */
export const sync: Chapter = { play };

/** Callers at the same time; more of them where the app is slow, since that is when they pile up. */
const AT_ONCE = 4;
const PILED_UP = 20;
/** Half the timeout: enough to be seen, and far from it on a busy machine. */
const SLOW_MS = 500;
/** The routes whose breakers open in the story, in that order. */
const GUARDED = ["winner_selection", "participant_registration", "quiz_answer"];
/** Recovery takes 2 s, doubled once at most; a breaker that is not closed by then is stuck. */
const RECOVERY_PATIENCE_MS = 9_000;
const PACE_MS = 50;

interface Play extends Stage {
  readonly secret: string;
  readonly caller: Caller;
  readonly scenes: Scene[];
  readonly promised: Promised[];
  readonly told: readonly Told[];
  app: ToyApp;
}

async function play(stage: Stage): Promise<Played> {
  const secret = stage.random.bytes(24).toString("hex");
  const app = await stage.toyApp(secret);
  const sidecar = await stage.sidecar(quiz.manifest(app.port));
  const caller = createCaller(sidecar.proxy, stage.clock, stage.signal);
  const told: Told[] = [];
  await watchEvents(sidecar, BREAKER_MOVES, stage.signal, (event) => told.push(event));
  const startedAt = stage.clock.wall();
  stage.signal.addEventListener("abort", () => caller.close(), { once: true });

  const p: Play = { ...stage, secret, caller, scenes: [], promised: [], told, app };
  introduce(stage.say, sidecar, app);
  await well(p);
  await slow(p);
  await hanging(p);
  await broken(p);
  await dead(p);
  await wellAgain(p);

  p.say.line("\nWhat the breakers did, seconds from the start");
  p.say.table(["", "opened", "half-open", "closed"], breakerRows(told, startedAt));
  sumUp(p.say, p.scenes, [answeredInTime(p.scenes), ...p.promised]);
  let n = 0;
  const gentle = [quiz.answer, quiz.winner, quiz.registration] as const;
  return {
    promised: [answeredInTime(p.scenes), ...p.promised],
    sidecar,
    look: [`curl -i http://${sidecar.proxy}/quiz/winner_selection \\`, `  --json '{"participants":["You","Me"]}'`],
    keepOn: () => caller.call((gentle[n % gentle.length] ?? quiz.answer)(n++)),
  };
}

function introduce(say: Narrator, sidecar: Sidecar, app: ToyApp): void {
  say.title("Outrigger: whatever the app does, its callers have an answer in time.");
  say.line();
  say.line(`   callers  →  Outrigger ${sidecar.proxy}  →  quiz app 127.0.0.1:${app.port}`);
  say.line(`               pid ${String(sidecar.pid).padEnd(25)} pid ${app.pid}`);
  say.line(`   manifest ${sidecar.manifest}`);
  say.line();
  say.line("The manifest promises, for each of the app's webhooks:");
  say.row("winner_selection", "an answer in 1 s, else a random winner");
  say.row("participant_registration", "an answer in 1 s, else “pending approval”");
  say.row("quiz_answer, github", "an answer in 2 s, else a clear error");
  say.line(`What comes in the app's place comes at most ${FALLBACK_GRACE_MS} ms later.`);
}

async function well(p: Play): Promise<void> {
  p.say.scene(1, "The app is well");
  const payloads = await githubPayloads();
  const signed = (secret: string) => payloads.map((payload) => quiz.github(payload, secret, p));
  const answers = await p.caller.callAll(times(300, quiz.answer), AT_ONCE);
  const winners = await p.caller.callAll(times(20, quiz.winner), AT_ONCE);
  const real = await p.caller.callAll(signed(p.secret), AT_ONCE);
  const forged = await p.caller.callAll(signed("not the secret").slice(0, 1), 1);
  const { verified, refused } = await p.app.report();

  p.say.row("quiz answers", `${ok(answers)} ok`, speed(answers));
  p.say.row("winners", `${ok(winners)} ok, chosen by the app`, speed(winners));
  p.say.row("GitHub's own payloads", `${ok(real)} ok`, speed(real));
  p.say.row("", `${verified} signatures valid at the app`);
  p.say.row("one forged payload", `the app's own ${forged[0]?.status ?? "no"}, passed on`, speed(forged));
  p.scenes.push({ name: "well", seen: [...answers, ...winners, ...real, ...forged] });
  p.promised.push(
    allOf("GitHub's signatures valid at the app, byte for byte", verified, real.length),
    allOf("a forged one refused by the app, its no passed on", refused === 1 ? tally(forged).declined : 0, 1),
  );
}

async function slow(p: Play): Promise<void> {
  p.say.scene(2, `The app is slow: ${SLOW_MS} ms for each answer`);
  await p.app.behave({ kind: "slow", delayMs: SLOW_MS });
  const seen = await p.caller.callAll(times(PILED_UP, quiz.winner), PILED_UP);
  p.say.row("winners", `${ok(seen)} ok, chosen by the app`, speed(seen));
  p.scenes.push({ name: "slow", seen });
}

async function hanging(p: Play): Promise<void> {
  p.say.scene(3, "The app hangs: it reads each request and never answers");
  await p.app.behave({ kind: "hanging" });
  const seen = await p.caller.callAll(times(PILED_UP, quiz.winner), PILED_UP);
  const picked = seen.filter((s) => s.strategy === "random_pick").map((s) => quiz.winnerIn(s.body));
  const fair = picked.filter((name) => name !== null && quiz.PARTICIPANTS.includes(name));
  p.say.row("winners", `${fair.length} picked by Outrigger`, speed(seen));
  p.say.row("", quiz.PARTICIPANTS.map((name) => `${name} ${fair.filter((f) => f === name).length}`).join(", "));
  const promise = (seen[0]?.hook.timeoutMs ?? 0) + FALLBACK_GRACE_MS;
  p.say.row("slowest answer", `${msText(tally(seen).slowestMs)}; promised within ${promise} ms`);
  p.scenes.push({ name: "hanging", seen });
  p.promised.push(allOf("while it hung, a winner from among the participants", fair.length, seen.length));
}

async function broken(p: Play): Promise<void> {
  p.say.scene(4, "The app is broken: it answers 500");
  await p.app.behave({ kind: "broken" });
  const asked = async (): Promise<number> => (await p.app.report()).seen[quiz.REGISTER_PATH] ?? 0;
  const before = await asked();
  const startedAt = p.clock.now();
  const seen = await p.caller.callAll(times(200, quiz.registration), AT_ONCE);
  const reached = (await asked()) - before;
  const trials = Math.floor((p.clock.now() - startedAt) / quiz.RECOVERY_MS);
  const fast = seen.filter(({ reason }) => reason === "breaker_open");
  p.say.row("registrations", `${tally(seen).fallback} “pending approval”`, speed(seen));
  p.say.row("that reached the app", `${reached}; after ${quiz.FAILURES} failures the breaker opened`);
  p.say.row("that failed fast", `${fast.length}`, speed(fast));
  p.say.line("   What such a caller sees:");
  p.say.quote(answerText(fast[0]));
  p.scenes.push({ name: "broken", seen });
  // What failed is spooled, so each may be on its way a second time when the breaker opens. On a slow machine trials come.
  const most = 2 * quiz.FAILURES + AT_ONCE - 1 + trials;
  p.promised.push(allOf("while it was broken, “pending approval”", tally(seen).fallback, seen.length), {
    what: `broken, the app was asked ${quiz.FAILURES} times, and by calls in flight`,
    measured: `${reached}, limit ${most}`,
    held: reached >= quiz.FAILURES && reached <= most,
  });
}

async function dead(p: Play): Promise<void> {
  await p.app.kill();
  p.say.scene(5, `The app is dead: pid ${p.app.pid} was killed`);
  const seen = await p.caller.callAll(everyKind(50), AT_ONCE);
  const of = (capability: string): readonly Seen[] => seen.filter((s) => s.hook.capability === capability);
  const [winners, registrations, answers] = [of("winner_selection"), of("participant_registration"), of("quiz_answer")];
  p.say.row("winners", `${tally(winners).fallback} picked by Outrigger`, speed(winners));
  p.say.row("registrations", `${tally(registrations).fallback} “pending approval”`, speed(registrations));
  p.say.row("quiz answers", `${tally(answers).failed} clear errors`, speed(answers));
  p.say.row("why not the app's own", reasonsText(seen));
  p.say.line("   Quiz answers have no fallback. What a caller sees, once the breaker is open:");
  p.say.quote(answerText(answers.findLast(({ reason }) => reason === "breaker_open")));
  p.scenes.push({ name: "dead", seen });
  const { fallback, calls } = tally([...winners, ...registrations]);
  p.promised.push(
    allOf("while it was dead, each fallback that is configured", fallback, calls),
    allOf("… and a clear error where none is", answers.filter(isClearError).length, answers.length),
  );
}

async function wellAgain(p: Play): Promise<void> {
  p.app = await toyAppAgain(p, p.secret, p.app.port);
  const startedAt = p.clock.now();
  p.say.scene(6, `The app is started again: pid ${p.app.pid}`);
  const meanwhile: Seen[] = [];
  const closed = (): number => recovered(p.told, GUARDED).length;
  while (closed() < GUARDED.length && p.clock.now() - startedAt < RECOVERY_PATIENCE_MS) {
    meanwhile.push(...(await p.caller.callAll(everyKind(1), GUARDED.length)));
    await sleep(p.clock, PACE_MS);
  }
  const took = p.clock.now() - startedAt;
  const seen = await p.caller.callAll(everyKind(50), AT_ONCE);
  p.say.row("breakers", `${closed()} half-open, tried, closed`, `after ${msText(took)}`);
  p.say.row(
    "callers meanwhile",
    `${ok(meanwhile)} ok, ${meanwhile.length - ok(meanwhile)} without the app`,
    speed(meanwhile),
  );
  p.say.row("callers since", `${ok(seen)} ok`, speed(seen));
  p.scenes.push({ name: "recovering", seen: meanwhile }, { name: "well again", seen });
  p.promised.push(allOf("breakers opened, half-opened and closed", closed(), GUARDED.length), itsOwnAnswers(p.scenes));
}

/** Says in status, header and words that the app is to blame, and why (RFC 9457). */
function isClearError({ outcome, status, headers }: Seen): boolean {
  const type = headerValue(headers, "content-type") ?? "";
  return outcome === "failed" && status >= 502 && status <= 504 && type.startsWith("application/problem+json");
}

/** Nothing is replaced that the app could answer. */
function itsOwnAnswers(scenes: readonly Scene[]): Promised {
  const seen = scenes.filter(({ name }) => ["well", "slow", "well again"].includes(name)).flatMap((s) => s.seen);
  const { ok, declined, calls } = tally(seen);
  return allOf("while it was well or slow, the app's own answers", ok + declined, calls);
}

function everyKind(n: number) {
  return times(n, (i) => [quiz.answer(i), quiz.winner(), quiz.registration(i)]).flat();
}

function times<T>(n: number, make: (i: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => make(i));
}

function ok(seen: readonly Seen[]): number {
  return tally(seen).ok;
}
