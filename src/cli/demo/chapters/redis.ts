import type { Hook } from "../caller.ts";
import type { Chapter, Played, Stage } from "../chapter.ts";
import type { Desk } from "../desk.ts";
import { githubPayloads } from "../github.ts";
import * as inbox from "../inbox.ts";
import { type Load, startLoad } from "../load.ts";
import { msText, type Narrator, speed } from "../narrator.ts";
import { type DemoRedis, redisServer } from "../redis.ts";
import { allOf, answeredInTime, type Promised } from "../score.ts";
import { seenOf } from "../toll.ts";
import type { ToyApp } from "../toy.ts";
import { startTrio, type Trio } from "../trio.start.ts";
import * as trio from "../trio.ts";
import { pause, until } from "../until.ts";

/** Three sidecars on one Redis, under load: one is killed, a breaker opens, a primary dies; what one learns holds for all. */
export const redis: Chapter = {
  missing: (env) =>
    redisServer(env) === null
      ? "this chapter needs redis-server or valkey-server, and neither is installed.\nOn Debian or Ubuntu: apt-get install redis-server; on macOS: brew install redis."
      : null,
  play,
};

const EVERY_MS = 20;
const WELL_MS = 1_500;
/** So long an app takes while a sidecar is killed: it has jobs under way then. */
const SLOW_MS = 2_000;
/** By then each of them has some. */
const ENOUGH_LEASED = 24;
/** Locks of 10 s and a check each 5 s, and the send. */
const TAKEN_OVER_MS = 25_000;
/** What one learns holds for all within this. */
const SHARED_MS = 1_000;
const CALLS_EACH = 5;

interface Play extends Stage {
  readonly apps: Readonly<Record<"inbox" | "score" | "primary" | "backup", ToyApp>>;
  readonly three: Trio;
  readonly load: Load;
  readonly promised: Promised[];
}

async function play(stage: Stage): Promise<Played> {
  const { clock, signal, say } = stage;
  const secret = stage.random.bytes(24).toString("hex");
  const server = await stage.redis();
  const toyApp = (): Promise<ToyApp> => stage.toyApp(secret);
  const [mail, score, primary, backup] = await Promise.all([toyApp(), toyApp(), toyApp(), toyApp()]);
  const ports = { inbox: mail.port, score: score.port, primary: primary.port, backup: backup.port };
  const three = await startTrio(stage, trio.manifest({ redis: server.port, ...ports }));
  introduce(say, server, three);

  const payloads = await githubPayloads();
  const hook = (n: number): Hook => {
    const payload = payloads[n % payloads.length];
    return n % 2 === 0 && payload !== undefined ? trio.github(payload, secret, stage) : trio.answer(n);
  };
  const load = startLoad({ caller: three.balancer, hook, everyMs: EVERY_MS, clock, signal });
  const p: Play = { ...stage, apps: { inbox: mail, score, primary, backup }, three, load, promised: [] };
  await allWork(p);
  await oneDies(p);
  await breakerOpens(p);
  await primaryDies(p);
  await load.stop();
  p.promised.push(...(await inTheEnd(p)));

  say.line("\nWhat was promised");
  say.promises(p.promised);
  let n = 0;
  return {
    promised: p.promised,
    sidecar: three.sidecar("one"),
    look: ["deliveries list --limit 5", "failover show quiz", "failover switch quiz primary"].map(
      (command) => `outrigger ${command}`,
    ),
    keepOn: () => three.balancer.call(hook(n++)),
  };
}

function introduce(say: Narrator, server: DemoRedis, three: Trio): void {
  say.title("Outrigger: three sidecars on one Redis are one, and any of them may die.");
  say.line();
  trio.NAMES.forEach((name, i) => {
    const { proxy, pid } = three.sidecar(name);
    say.line(`   ${(i === 1 ? "callers  →" : "").padEnd(12)}${name.padEnd(6)}${proxy.padEnd(16)} pid ${pid}`);
  });
  say.line(`   all three  →  Redis 127.0.0.1:${server.port}  pid ${server.pid}`);
  say.line();
  say.line(`${1000 / EVERY_MS} calls a second, to each in turn. The manifest of all three says:`);
  say.row("redis: url", "breakers, failovers, idempotency: one for all");
  say.row("spool: driver: redis", "whoever accepts a job, any of them delivers it");
  say.line("Redis has each write on the disk before it answers: appendfsync always.");
}

async function allWork(p: Play): Promise<void> {
  p.say.scene(1, "All is well");
  await pause(p, WELL_MS);
  for (const name of trio.NAMES) {
    const delivered = p.three.heard.filter((one) => one.name === name && one.told.type === "delivery.delivered").length;
    p.say.row(name, `accepted ${p.three.balancer.accepted.get(name) ?? 0} jobs, delivered ${delivered}`);
  }
  p.say.row("calls", `${p.load.calls.length} answered`, speed(seenOf(p.load.calls)));
}

async function oneDies(p: Play): Promise<void> {
  const { clock, say, apps, three } = p;
  const victim = three.sidecar("three");
  const desk = three.desk("one");
  await apps.inbox.behave({ kind: "slow", delayMs: SLOW_MS });
  await until(
    p,
    async () => (await desk.spool()).states.leased,
    (leased) => leased >= ENOUGH_LEASED,
  );
  say.scene(2, `One of them is killed: kill -9 ${victim.pid}, which is three`);
  const callsBefore = p.load.calls.length;
  await victim.kill();
  const killedAt = clock.now();
  await apps.inbox.behave({ kind: "well" });
  // What the others are sending ends within this; what then is still leased of before is nobody's.
  const atDeath = await leasedIn(desk);
  await pause(p, 2 * SLOW_MS);
  const left = (await leasedIn(desk)).intersection(atDeath);
  say.row("jobs in its hands", `${left.size}, under way to the app`);
  say.line("   In Redis they have locks of 10 s, which nobody renews now.");
  const openOf = async () => left.difference(trio.deliveredIn(three.heard)).size;
  const open = await until(p, openOf, (n) => n === 0, TAKEN_OVER_MS);
  say.row(
    "delivered by the others",
    `${left.size - open} of ${left.size}`,
    `after ${secondsText(clock.now() - killedAt)}`,
  );
  const since = p.load.calls.slice(callsBefore);
  const lost = since.filter(({ seen }) => seen.lost !== null).length;
  say.row("calls meanwhile", `${since.length - lost} answered, ${lost} lost`, speed(seenOf(since)));
  say.row("", `${three.balancer.again} made again, at the next sidecar`);
  p.promised.push(allOf("what the dead one had in its hands, the others deliver", left.size - open, left.size));

  const again = await three.again("three");
  say.row("three is started again", `pid ${again.pid}`);
}

async function breakerOpens(p: Play): Promise<void> {
  const { clock, say, apps, three } = p;
  const { balancer } = three;
  say.scene(3, "An app without a backup breaks: it answers 500 to calls through one");
  await apps.score.behave({ kind: "broken" });
  const from = clock.now();
  for (let n = 0; n < trio.FAILURES; n++) await balancer.callAt("one", trio.score(n));
  const { followed, spanMs } = await three.moved("breaker.opened", "score", from);
  say.row("failures through one", `${trio.FAILURES}: its breaker opens`);
  say.row("open on", `${followed} of ${trio.NAMES.length}`, `within ${msText(spanMs)}`);
  const before = await callsAt(apps.score);
  const refused = [];
  for (const name of ["two", "three"] as const) {
    for (let n = 0; n < CALLS_EACH; n++) refused.push(await balancer.callAt(name, trio.score(n)));
  }
  const reached = (await callsAt(apps.score)) - before;
  const open = refused.filter(({ reason }) => reason === "breaker_open").length;
  say.row("calls to two and three", `${open} of ${refused.length} refused at once`, speed(refused));
  say.row("", `${reached} reached the app`);
  say.line("   Somebody mends the app, and says so to three:");
  await apps.score.behave({ kind: "well" });
  const mendedAt = clock.now();
  const typed = ["breaker", "reset", "score", "quiz_answer"];
  say.command(`outrigger ${typed.join(" ")}`, await three.desk("three").run(...typed));
  const closed = await three.moved("breaker.closed", "score", mendedAt);
  const well = await balancer.callAt("one", trio.score(0));
  say.row("closed on", `${closed.followed} of ${trio.NAMES.length}`, `within ${msText(closed.spanMs)}`);
  say.row("a call through one", well.outcome);
  p.promised.push(
    allOf("a breaker that opened on one refuses on the others", reached === 0 ? open : 0, refused.length),
    heldForAll("… within 1 s, and closes on all likewise", Math.max(spanMs, closed.spanMs), [
      followed,
      closed.followed,
    ]),
  );
}

async function primaryDies(p: Play): Promise<void> {
  const { clock, say, apps, three } = p;
  say.scene(4, `The primary of an app with a backup is killed: kill -9 ${apps.primary.pid}`);
  const callsBefore = p.load.calls.length;
  const from = clock.now();
  await apps.primary.kill();
  const { deciders, followed, spanMs } = await three.moved("failover", "quiz", from);
  say.row(
    "traffic has moved",
    `decided by ${deciders.join(", ") || "nobody"}`,
    `after ${secondsText(clock.now() - from)}`,
  );
  say.row("on", `${followed} of ${trio.NAMES.length}`, `within ${msText(spanMs)}`);
  await pause(p, WELL_MS);
  const since = seenOf(p.load.calls.slice(callsBefore)).filter(({ hook }) => hook.capability === "quiz_answer");
  const ok = since.filter(({ outcome }) => outcome === "ok").length;
  say.row("calls since", `${ok} of ${since.length} ok`, speed(since));
  say.command("outrigger failover show", await three.desk("two").run("failover", "show"));
  p.promised.push(
    { what: "one decides that traffic moves", measured: deciders.join(", "), held: deciders.length === 1 },
    heldForAll("… and it has moved on all within 1 s", spanMs, [followed]),
    allOf("no call failed for it", ok, since.length),
  );
}

/** What the whole comes to. */
async function inTheEnd(p: Play): Promise<readonly Promised[]> {
  const desk = p.three.desk("one");
  await desk.settled();
  const seen = seenOf(p.load.calls);
  const accepted = inbox.acceptedIn(seen);
  const so = await p.apps.inbox.report();
  const { states } = await desk.spool();
  const left = states.queued + states.leased + states.verifying + states.dead;
  return [
    answeredInTime([{ name: "all", seen }]),
    allOf("each job that was accepted has arrived", inbox.arrivedOf(accepted, so), accepted.size),
    { what: "nothing is left: none waits, none is dead", measured: `${left} left`, held: left === 0 },
  ];
}

function heldForAll(what: string, ms: number, followed: readonly number[]): Promised {
  const all = followed.every((n) => n === trio.NAMES.length);
  return { what, measured: all ? msText(ms) : "not on all", held: all && ms <= SHARED_MS };
}

async function leasedIn(desk: Desk): Promise<ReadonlySet<string>> {
  return new Set((await desk.deliveries()).filter(({ state }) => state === "leased").map(({ id }) => id));
}

/** Answers that it was asked for. */
async function callsAt(app: ToyApp): Promise<number> {
  const { seen } = await app.report();
  return seen["/webhooks/answer"] ?? 0;
}

function secondsText(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
