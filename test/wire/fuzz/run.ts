import { createSeededRandom } from "../../help/seeded-random.ts";
import type { FuzzAnswer } from "./app.ts";
import { type Case, drawCase, make, plainAnswer, plainRequest, ROUTES } from "./cases.ts";
import { type Done, judge, quoted, type Witness } from "./judge.ts";
import { type Rig, startRig, within } from "./rig.ts";
import { shrink } from "./shrink.ts";
import { talk } from "./talk.ts";
import { talkTunnel } from "./tunnel.ts";

/** What a run came to. `failure` says what broke and with which bytes; null: nothing did. */
export interface Outcome {
  readonly exchanges: number;
  readonly taken: number;
  readonly failure: string | null;
}

/** Callers at once: few enough to read, enough to mix up answers. */
const AT_ONCE = 6;
/** Of those of one round, far enough from each other that no change of a few bytes makes one into another. */
const NAMES = ["aaaa", "bbbb", "cccc", "dddd", "eeee", "ffff", "gggg", "hhhh"] as const;
/** After this many the caches are filled, and what grows from then on is a leak. */
const WARM_ROUNDS = 100;
/** What garbage collection and SQLite's side of the process may differ by. */
const GROWTH_BYTES = 16 * 1024 * 1024;

/** Rounds of random callers until `over` says so or something breaks. The same seed draws the same cases. */
export async function fuzz(seed: number, over: (rounds: number) => boolean): Promise<Outcome> {
  const sockets = openSockets();
  const rig = await startRig();
  const random = createSeededRandom(seed);
  const count = { exchanges: 0, taken: 0 };
  let failure: string | null = null;
  let warm = 0;
  try {
    for (let round = 0; failure === null && !over(round); round++) {
      const cases = Array.from({ length: AT_ONCE }, (_, i) => drawCase(random, `fz-${round}-${NAMES[i]}-`));
      const found = await play(rig, cases);
      count.exchanges += cases.length;
      count.taken += rig.app.seen.length;
      if (found.length > 0) failure = await explain(rig, cases, found);
      if (round === WARM_ROUNDS) warm = rig.heldBytes();
    }
    const left = await rig.leftOver();
    if (left !== null) failure ??= `left over: ${left}`;
    const grown = rig.heldBytes() - warm;
    if (warm > 0 && grown > GROWTH_BYTES) failure ??= `${Math.round(grown / 1024)} KiB more are held than at the start`;
  } finally {
    await rig.stop();
  }
  if (!(await within(() => openSockets() <= sockets)))
    failure ??= `${openSockets() - sockets} sockets are open after the stop`;
  return { ...count, failure };
}

/** One round: all cases at once, then a caller on each route who does nothing wrong. */
async function play(rig: Rig, cases: readonly Case[]): Promise<string[]> {
  const made = cases.map(make);
  // What can't be read to its end ends with the connection: nobody has to wait for a timeout.
  rig.app.begin(
    new Map(
      cases.map((one, i): [string, FuzzAnswer] => {
        const { answer, expected } = made[i] as Done["made"];
        if (one.tunnel !== null && one.answerEdits.length === 0) {
          return [one.id, { bytes: answer, end: "keep", tunnel: one.tunnel.early.length + one.tunnel.up.length }];
        }
        const endless = typeof expected === "string" || expected.untilClose;
        const end = endless && one.answerEnd === "keep" ? "close" : one.answerEnd;
        return [one.id, { bytes: answer, end, early: one.early, ...(one.tunnel !== null && { tunnel: Infinity }) }];
      }),
    ),
  );
  const round = await Promise.all(
    cases.map(async (one, i): Promise<Done> => {
      const its = made[i] as Done["made"];
      const heard =
        one.tunnel === null ? await talk(rig.port, one, its) : await talkTunnel(rig.port, one, one.tunnel, its);
      return { one, made: its, heard };
    }),
  );
  if (!(await rig.sentAll())) return ["what was stored was not sent"];
  const found = judge(round, rig.app, rig.lost());
  const left = await rig.leftOver();
  if (left !== null) found.push(`left over: ${left}`);
  return found.length > 0 ? found : playPlain(rig);
}

const NOTHING: Witness = { seen: [], early: [], tunnelled: new Map(), complaints: [] };

async function playPlain(rig: Rig): Promise<string[]> {
  const cases = ROUTES.map((route): Case => {
    const id = `plain-${route}-`;
    const none = { requestEdits: [], answerEdits: [], cuts: [], leaves: false, early: false, tunnel: null } as const;
    return { route, id, request: plainRequest(route, id), answer: plainAnswer(id), answerEnd: "keep", ...none };
  });
  rig.app.begin(new Map(cases.map(({ id, answer }) => [id, { bytes: answer, end: "keep" }])));
  const found: string[] = [];
  for (const one of cases) {
    const made = make(one);
    const heard = await talk(rig.port, one, made);
    const status = Number(heard.finals[0]?.line.split(" ")[1]);
    if (status !== (one.route === "async" ? 202 : 200)) {
      found.push(`a normal request on ${one.route} then had ${JSON.stringify(heard.bytes)}`);
    } else if (one.route !== "async")
      found.push(
        ...judge([{ one, made, heard }], { ...NOTHING, seen: rig.app.seen.filter(({ id }) => id === one.id) }, 0),
      );
  }
  if (!(await rig.sentAll())) found.push("a normal job was not sent");
  return found;
}

async function explain(rig: Rig, cases: readonly Case[], found: readonly string[]): Promise<string> {
  const smaller = await shrink(cases, async (some) => (await play(rig, some)).length > 0);
  const again = smaller === null ? found : await play(rig, smaller);
  const shown = (smaller ?? cases).map((one) => {
    const made = make(one);
    const cuts =
      one.cuts.length === 0 ? "" : `\n  in packets cut at ${one.cuts.map((cut) => cut.toFixed(3)).join(", ")}`;
    return [
      `${one.route}: sends ${quoted(made.bytes)}${cuts}${one.leaves ? "\n  and leaves" : ""}`,
      ...(one.tunnel === null
        ? []
        : [`  then ${quoted(one.tunnel.early)}, and after the yes ${quoted(one.tunnel.up)}`]),
      `  the app answers ${quoted(made.answer)} (${one.answerEnd}${one.early ? ", early" : ""})`,
    ].join("\n");
  });
  const alone = smaller === null ? "\n(only together, or not each time)" : "";
  return `${(again.length > 0 ? again : found).join("\n")}\n\nwhen\n${shown.join("\n")}${alone}`;
}

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => /^TCP|^Pipe/.test(kind)).length;
}
