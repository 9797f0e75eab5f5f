import type { JobSummaryView, JobView } from "../admin/jobs.ts";
import { sizeText } from "./amount.ts";
import { type Io, paint } from "./command.ts";
import { type Cell, cut, printable, table } from "./table.ts";

/** Deliveries for people. */

/** On a terminal a row is to be a line: `show` has what is cut there, a pipe and `--json` all of it. */
const ROUTE_WIDTH = 21;
const HEAD = ["ID", "ROUTE", "STATE", "SINCE (UTC)", "SENDS", "WHY"];

/** `parked`: why the jobs of a route wait, by `app/capability`. */
export function jobTable(
  views: readonly JobSummaryView[],
  io: Io,
  parked: ReadonlyMap<string, { readonly cause: string }> = new Map(),
): string {
  const { red, yellow, green, dim } = paint(io);
  const colours = { queued: yellow, leased: yellow, verifying: yellow, delivered: green, dead: red, cancelled: dim };
  const rows = views.map((job): [string, string, Cell, string, string, string] => [
    job.id,
    cut(printable(`${job.app}/${job.capability}`), io.columns === null ? Number.POSITIVE_INFINITY : ROUTE_WIDTH),
    { text: job.state, paint: colours[job.state] },
    timeText(job.ended_at ?? job.at),
    String(job.sends),
    waitText(job, parked),
  ]);
  const widest = HEAD.slice(0, -1).map((head, i) =>
    Math.max(head.length, ...rows.map((row) => textOf(row[i] as Cell).length)),
  );
  const left = widest.reduce((rest, width) => rest - width - 2, io.columns ?? Number.POSITIVE_INFINITY);
  const cells = rows.map((row) => row.with(-1, cut(printable(textOf(row[5])), Math.max(left, MIN_WHY))));
  return table(HEAD, cells, io.columns);
}

/** The longest reason, whole, and that there is more. */
const MIN_WHY = 20;

const textOf = (cell: Cell): string => (typeof cell === "string" ? cell : cell.text);

/** To the second: `2026-01-01 00:01:00`. */
function timeText(iso: string): string {
  return iso.slice(0, 19).replace("T", " ");
}

function waitText(job: JobSummaryView, parked: ReadonlyMap<string, { readonly cause: string }>): string {
  if (job.due_at === null) return whyText(job);
  const cause = job.state === "queued" ? parked.get(`${job.app}/${job.capability}`)?.cause : undefined;
  return cause === undefined ? `due ${timeText(job.due_at)}` : `parked: ${cause}`;
}

function whyText({ reason, detail }: JobSummaryView): string {
  if (reason === null) return "";
  return detail === null ? reason : `${reason}: ${detail}`;
}

/** Of a body this much is shown; `--json` has all of it. */
const SHOWN_BODY = 4_096;
const SHOWN_ANSWER = 512;

const NOT_KEPT = "nothing is kept of its request: its caller has the answer, and only that is verified";

/** `parked`: why it waits although it is due, if it does. */
export function jobText(job: JobView, parked: string | null, io: Io): string {
  const { bold } = paint(io);
  const { request } = job;
  const facts: [name: string, text: string | null][] = [
    ["route", `${job.app}/${job.capability}`],
    ["state", job.reason === null ? job.state : `${job.state}, ${whyText(job)}`],
    ["accepted", `${job.at} (${job.origin}), request ${job.request_id}`],
    ["due", job.due_at],
    ["parked", parked],
    ["ended", job.ended_at],
    ["expires", job.ended_at === null ? job.expires_at : null],
    ["sends", `${job.sends}, ${job.attempts} counted${job.in_doubt ? ", in doubt: the app may have it" : ""}`],
    ["verifying", job.verification && verificationText(job.verification)],
    ["order key", job.order_key],
    ["request", request && `${request.method} ${request.target}`],
    ["rest", request && (request.rest || "-")],
    ["from", request && `${request.peer || "a unix socket"}, for ${request.host}`],
  ];
  const lines = facts.flatMap(([name, text]) => (text === null ? [] : [`${name.padEnd(10)} ${printable(text)}\n`]));
  const headers = request?.headers.map(({ name, value }) => `  ${printable(`${name}: ${value}`)}\n`) ?? [];
  return [
    `${bold(`delivery ${printable(job.id)}`)}\n`,
    ...lines,
    request === null
      ? `\n${job.origin === "sync" ? NOT_KEPT : "its payload is gone, to make room"}\n`
      : `\n${bold("headers")}\n${headers.join("")}`,
    request === null ? "" : bodyText(`body, ${sizeText(job.size)}`, job, SHOWN_BODY, io),
    job.tries.length === 0 ? "" : `\n${bold("sends")}\n${triesTable(job, io)}`,
    ...job.tries.flatMap((one) =>
      one.body === null ? [] : [bodyText(`answer to send ${one.n}, ${answerSize(one)}`, one, SHOWN_ANSWER, io)],
    ),
  ].join("");
}

/** As in `GET /jobs/7 of primary, asked 3 times until …: /state is "running"`. */
function verificationText({ path, upstream, polls, until, last }: NonNullable<JobView["verification"]>): string {
  const times = polls === 1 ? "once" : `${polls} times`;
  return `${path === null ? "" : `GET ${path} of `}${upstream}, asked ${times} until ${until}${last === null ? "" : `: ${last}`}`;
}

/** Each send of a delivery. */
export function triesTable({ tries }: Pick<JobView, "tries">, io: Io): string {
  const { red, yellow, green } = paint(io);
  const colours = { ok: green, permanent: red, transient: yellow, push_back: yellow, ignored: yellow };
  const rows = tries.map((one): Cell[] => [
    String(one.n),
    one.at,
    one.upstream,
    one.status === 0 ? "-" : String(one.status),
    { text: one.reason === null ? one.worth : `${one.worth}: ${one.reason}`, paint: colours[one.worth] },
    `${Math.round(one.duration_ms)}ms`,
    one.detail ?? "",
  ]);
  return table(["N", "AT", "UPSTREAM", "STATUS", "RESULT", "TIME", ""], rows, io.columns);
}

function answerSize({ body_bytes: bytes }: JobView["tries"][number]): string {
  return bytes === null ? "the beginning" : sizeText(bytes);
}

type Bodied = Pick<JobView, "body" | "body_encoding">;

function bodyText(title: string, { body, body_encoding: encoding }: Bodied, shown: number, io: Io): string {
  const { bold, dim } = paint(io);
  if (body === null) return `\n${bold(title)}\n  ${dim("for operators only")}\n`;
  if (body === "") return `\n${bold(title)}\n`;
  const lines = body.slice(0, shown).split("\n");
  const more = body.length > shown ? `  ${dim("… (--json has all of it)")}\n` : "";
  const as = encoding === "base64" ? " (in base64)" : "";
  return `\n${bold(`${title}${as}`)}\n${lines.map((line) => `  ${printable(line)}\n`).join("")}${more}`;
}
