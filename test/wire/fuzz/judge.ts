import { type RawMessage, statusOf, values } from "../../help/raw.ts";
import type { FuzzApp, Seen } from "./app.ts";
import type { Case, Made } from "./cases.ts";
import type { ReadRequest } from "./reference.ts";
import type { Heard } from "./talk.ts";
import { judgeTunnel } from "./tunnel.ts";

/** One case, done. */
export interface Done {
  readonly one: Case;
  readonly made: Made;
  readonly heard: Heard;
}

/** What the app says of it. */
export type Witness = Pick<FuzzApp, "seen" | "early" | "tunnelled" | "complaints">;

/**
 * What a round broke, in sentences. The app saw only what callers sent, whole and unchanged, and all that was taken;
 * each caller heard only what was meant for it, and that whole or visibly broken. `lost`: jobs whose connection the app
 * closed under them.
 */
export function judge(round: readonly Done[], app: Witness, lost: number): string[] {
  const found = [...app.complaints];
  const ids = round.map(({ one }) => one.id);
  const pool = round.flatMap(({ made }) => made.requests);
  for (const one of app.early) {
    const sent = (request: RawHead): boolean => sameHead(request, one);
    // It was answered before its body was whole, so it may have been none.
    if (!round.some(({ made }) => made.requests.some(sent) || made.rest !== "none")) {
      found.push(`the app saw what nobody sent: ${show({ ...one, body: "" })}`);
    }
  }
  const unsent = app.seen.filter((seen) => !takeOut(pool, seen));
  for (const seen of unsent) found.push(`the app saw what nobody sent: ${show(seen)}`);
  let missing = 0;
  for (const done of round) {
    const { broken, unseen } = judgeCaller(done, ids, app);
    missing += unseen;
    found.push(...broken);
  }
  if (missing > lost) found.push(`${missing} jobs were taken, of which the app never saw anything, and ${lost} failed`);
  return found;
}

function takeOut(pool: ReadRequest[], seen: Seen): boolean {
  const i = pool.findIndex((sent) => same(sent, seen));
  if (i !== -1) pool.splice(i, 1);
  return i !== -1;
}

function same(sent: ReadRequest, seen: Seen): boolean {
  return sameHead(sent, seen) && sent.body === seen.body;
}

type RawHead = Omit<Seen, "body">;

function sameHead(sent: RawHead, seen: RawHead): boolean {
  return sent.id === seen.id && sent.method === seen.method && sent.target === seen.target;
}

/** What we say when the app's answer reaches the caller. */
const RELAYED = /^(?:ok|declined|failed;reason=status)$/;

function judgeCaller({ one, made, heard }: Done, ids: readonly string[], app: Witness) {
  const about = (what: string): string => `${one.route} ${one.id}: ${what}`;
  let unseen = 0;
  const found: string[] = [];
  if (heard.nonsense !== null) found.push(about(`the caller got what is no HTTP: ${heard.nonsense}`));
  for (const other of ids) {
    // A change may have made one id into another.
    const named = other === one.id || made.answer.includes(other) || made.bytes.includes(other);
    if (!named && heard.bytes.includes(other)) found.push(about(`the caller got bytes of ${other}`));
  }
  if (one.tunnel !== null) {
    found.push(...judgeTunnel(one, one.tunnel, heard, made, app).map(about));
    return { broken: found, unseen };
  }
  if (!one.leaves && made.rest === "none" && made.requests.length > 0 && heard.finals.length === 0 && !heard.closed) {
    found.push(about("no answer in time"));
  }
  for (const [i, answer] of heard.finals.entries()) {
    const request = made.requests[i];
    const outcome = outcomeOf(answer);
    const relayed = RELAYED.test(outcome);
    const stored = outcome === "queued";
    if (request === undefined) {
      // Who streams may hear the answer of an app that does not wait for the rest.
      const answered = relayed && app.early.some(({ id }) => id === one.id);
      if (!answered && (relayed || stored)) found.push(about(`${outcome} for what is no whole request`));
      continue;
    }
    const toStore = request.target.startsWith("/async/");
    if ((relayed && toStore) || (stored && !toStore)) found.push(about(`${outcome} at ${request.target}`));
    // Who is answered early need not be sent the rest.
    const arrived =
      app.seen.some((other) => same(request, other)) || app.early.some((other) => sameHead(request, other));
    if (stored && !arrived) unseen++;
    if (relayed && !arrived) found.push(about(`${outcome}, but the app never saw ${show(request)}`));
    if (relayed && request.id === one.id) found.push(...judgeAnswer(answer, made, i).map(about));
  }
  return { broken: found, unseen };
}

function judgeAnswer(answer: RawMessage, { expected, answer: bytes }: Made, i: number): string[] {
  if (expected === "doubtful") return [];
  if (typeof expected === "string") return [`an answer that is ${expected} was relayed as a good one`];
  // The reference has read it as an answer to the first one's method.
  if (i > 0) return [];
  const body = answer.body.toString("latin1");
  if (statusOf(answer) === expected.status && body === expected.body) return [];
  return [
    `${statusOf(answer)} ${quoted(body)} in place of ${expected.status} ${quoted(expected.body)} from ${quoted(bytes)}`,
  ];
}

function outcomeOf(answer: RawMessage): string {
  const outcomes = values(answer, "outrigger-outcome");
  return outcomes.length === 1 ? (outcomes[0] as string) : `${outcomes.length} outcomes`;
}

function show({ id, method, target, body }: Seen): string {
  return `${JSON.stringify({ id, method, target })} with ${quoted(body)}`;
}

const SHOWN = 600;

/** As JSON; of what is long the beginning and the end. */
export function quoted(text: string): string {
  if (text.length <= SHOWN) return JSON.stringify(text);
  const [first, last] = [text.slice(0, SHOWN / 2), text.slice(-SHOWN / 2)];
  return `${JSON.stringify(first)} … ${JSON.stringify(last)} (${text.length} bytes)`;
}
