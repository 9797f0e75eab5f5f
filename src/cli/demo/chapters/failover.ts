import { toyAppAgain } from "../again.ts";
import { createCaller } from "../caller.ts";
import type { Chapter, Played, Stage } from "../chapter.ts";
import { createDesk, type Desk } from "../desk.ts";
import { type Load, startLoad, type Timed } from "../load.ts";
import { type Account, accountOf, MOVES, type Move, moveOf, moveRows, type Ordeal } from "../moves.ts";
import { type Narrator, speed } from "../narrator.ts";
import * as pair from "../pair.ts";
import type { Sidecar } from "../sidecar.ts";
import { after, type Over, promisesOf, seenOf, sumUp, tellCalls, tellMove, timesText } from "../toll.ts";
import type { ToyApp } from "../toy.ts";
import { pause, until } from "../until.ts";
import { watchEvents } from "../watch.ts";

/** The primary is killed, hangs and breaks, with calls coming in; the backup answers, and traffic comes back. */
export const failover: Chapter = { play };

const EVERY_MS = 10;
const WELL_MS = 1_000;
/** A fault lasts so long that a health check, every 2 s, sees it too. */
const FAULT_MS = 2_200;
/** To see that traffic stays where it moved to. */
const STAYS_MS = 500;
/** Five checks 2 s apart, the hold until a check, and the trials: 15 s on a quiet machine. */
const RETURN_PATIENCE_MS = 30_000;

interface Play extends Stage {
  readonly secret: string;
  readonly load: Load;
  readonly desk: Desk;
  /** Every move of traffic so far. */
  readonly moves: readonly Move[];
  readonly backup: ToyApp;
  primary: ToyApp;
}

interface Fault {
  readonly name: string;
  readonly heading: (primary: ToyApp) => string;
  /** What a reader may wonder about. */
  readonly remark?: string;
  readonly harm: (primary: ToyApp) => Promise<void> | void;
  readonly heal: (p: Play) => Promise<void> | void;
  /** What has been done by then. */
  readonly healed: (primary: ToyApp) => string;
  /** What an operator asks while traffic is away, and while single calls are tried. */
  readonly away: readonly string[] | null;
  readonly returning: readonly string[] | null;
}

const FAULTS: readonly Fault[] = [
  {
    name: "killed",
    heading: ({ pid }) => `The primary is killed: kill -9 ${pid}`,
    harm: (primary) => primary.kill(),
    heal: async (p) => {
      p.primary = await toyAppAgain(p, p.secret, p.primary.port);
    },
    healed: ({ pid }) => `It is started again: pid ${pid}`,
    away: ["apps"],
    returning: null,
  },
  {
    name: "hung",
    heading: ({ pid }) => `The primary hangs: kill -STOP ${pid}`,
    remark: "It looks slow at first: after 0.5 s a check is sent, which has 1 s.",
    harm: (primary) => primary.freeze(),
    heal: ({ primary }) => primary.thaw(),
    healed: ({ pid }) => `It goes on: kill -CONT ${pid}`,
    away: ["failover", "show"],
    returning: null,
  },
  {
    name: "broken",
    heading: () => "The primary is broken: it answers 500, also to health checks",
    harm: (primary) => primary.behave({ kind: "broken" }),
    heal: ({ primary }) => primary.behave({ kind: "well" }),
    healed: () => "It is mended",
    away: null,
    returning: ["failover", "show"],
  },
];

async function play(stage: Stage): Promise<Played> {
  const { clock, signal, say } = stage;
  const secret = stage.random.bytes(24).toString("hex");
  const [primary, backup] = [await stage.toyApp(secret), await stage.toyApp(secret)];
  const sidecar = await stage.sidecar(pair.manifest(primary.port, backup.port));
  const caller = createCaller(sidecar.proxy, clock, signal);
  signal.addEventListener("abort", () => caller.close(), { once: true });
  const moves: Move[] = [];
  await watchEvents(sidecar, MOVES, signal, (told) => moves.push(moveOf(told, clock.now(), clock.wall())));

  const startedAt = clock.now();

  introduce(say, sidecar, primary, backup);
  const load = startLoad({ caller, hook: pair.answer, everyMs: EVERY_MS, clock, signal });
  const p: Play = { ...stage, secret, load, desk: createDesk(sidecar, stage), moves, backup, primary };
  await well(p);
  const overs: Over[] = [];
  for (const [i, fault] of FAULTS.entries()) overs.push(await suffer(p, i + 2, fault));
  await load.stop();

  say.line("\nWhere the traffic went, seconds from the start");
  say.table(["", "at", "from → to", "why"], moveRows(moves, startedAt));
  const promised = promisesOf(load, overs);
  sumUp(say, overs, promised);
  let n = 0;
  return {
    promised,
    sidecar,
    look: [
      ...["apps", "failover show quiz", "failover switch quiz backup", "failover release quiz"].map(
        (command) => `outrigger ${command}`,
      ),
      `kill -STOP ${p.primary.pid}    # the primary hangs; it goes on after kill -CONT`,
    ],
    keepOn: () => caller.call(pair.answer(n++)),
  };
}

function introduce(say: Narrator, { proxy, pid, manifest }: Sidecar, primary: ToyApp, backup: ToyApp): void {
  say.title("Outrigger: where an app has a backup, a fault of the primary costs no call.");
  say.line();
  say.line(`   callers  →  Outrigger ${proxy.padEnd(17)} →  primary 127.0.0.1:${primary.port}  pid ${primary.pid}`);
  say.line(`               pid ${String(pid).padEnd(23)} →  backup  127.0.0.1:${backup.port}  pid ${backup.pid}`);
  say.line(`   manifest ${manifest}`);
  say.line();
  say.line(`${1000 / EVERY_MS} POSTs a second, whether answers come or not. The manifest says:`);
  say.row("upstreams", "primary, and backup for when it is not well");
  say.row("repeat: always", "this app knows a call that it gets twice");
  say.row(`hold: ${pair.HOLD_S}s`, "well for so long, the primary is tried again");
  say.line("The hold is short so that you need not wait; without this line it is 30 s.");
  say.line("All else is as by default: a health check every 2 s, 5 good ones in a row.");
}

async function well(p: Play): Promise<void> {
  p.say.scene(1, "All is well");
  await pause(p, WELL_MS);
  const calls = p.load.calls;
  p.say.row("calls", `${by(p.primary, calls)} of ${calls.length} by the primary`, speed(seenOf(calls)));
}

async function suffer(p: Play, number: number, fault: Fault): Promise<Over> {
  const { clock, load, say } = p;
  const movesBefore = p.moves.length;
  const port = { primary: p.primary.port, backup: p.backup.port };
  const faultAt = clock.now();
  let healedAt = Infinity;
  const ordeal = (): Ordeal => ({
    ...port,
    faultAt,
    healedAt,
    calls: load.calls.filter(({ endedAt }) => endedAt >= faultAt),
    moves: p.moves.slice(movesBefore),
  });
  const account = async (): Promise<Account> => accountOf(ordeal());

  say.scene(number, fault.heading(p.primary));
  await fault.harm(p.primary);
  if (fault.remark !== undefined) say.line(`   ${fault.remark}`);
  const { movedMs } = await until(p, account, (so) => so.movedMs !== null);
  const movedAt = faultAt + (movedMs ?? 0);
  await until(
    p,
    async () => load.endedBefore(movedAt),
    (ended) => ended,
  );
  tellMove(say, await account());
  await pause(p, Math.max(faultAt + FAULT_MS, movedAt + STAYS_MS) - clock.now());
  tellCalls(say, "calls since", ordeal().calls);
  await ask(p, fault.away);

  await fault.heal(p);
  healedAt = clock.now();
  say.line(`   ${fault.healed(p.primary)}. Now 5 good checks and the hold, some 13 s:`);
  const isBack = ({ backMs }: Account): boolean => backMs !== null;
  const { triedMs } = await until(p, account, (so) => so.triedMs !== null || isBack(so), RETURN_PATIENCE_MS);
  const asked = ask(p, fault.returning);
  say.row("tried on it", "single calls, from", after(triedMs));
  await asked;
  await until(p, account, isBack, RETURN_PATIENCE_MS);
  await pause(p, STAYS_MS);
  const so = await account();
  const { calls } = ordeal();
  say.row("back", timesText(so.failbacks), after(so.backMs));
  say.row("", `${so.sinceByPrimary} of ${so.since} calls since by the primary`);
  tellCalls(say, "calls since the fault", calls);
  return { ...so, name: fault.name, calls };
}

async function ask({ desk, say }: Play, command: readonly string[] | null): Promise<void> {
  if (command !== null) say.command(`outrigger ${command.join(" ")}`, await desk.run(...command));
}

function by({ port }: ToyApp, calls: readonly Timed[]): number {
  return calls.filter((call) => call.by === port).length;
}
