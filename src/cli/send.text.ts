import { STATUS_CODES } from "node:http";
import { tookText } from "./amount.ts";
import { type Io, paint } from "./command.ts";
import { jobTable, triesTable } from "./delivery.text.ts";
import type { Completed, Told } from "./send.ask.ts";
import type { Call } from "./send.call.ts";
import { type Cell, printable, table } from "./table.ts";

/** What came of a test call, for people and for programs. */

/** Of the answer's body this much is shown; `--json` has all of it. */
const SHOWN_BODY = 4_096;

export function sentText(call: Call, { answer, completed, delivery, parked }: Told, io: Io): string {
  const { bold, dim } = paint(io);
  const took = completed === null ? "" : ` in ${tookText(completed.duration_ms)}`;
  const head = `${call.method} ${call.path}: ${answer.status} ${STATUS_CODES[answer.status] ?? ""}`.trimEnd();
  const shown = ["outrigger-outcome", "proxy-status", "retry-after", "location", "content-type"];
  const headers = answer.headers.filter(([name]) => shown.includes(name));
  return [
    `${bold(printable(head))}${took}, request ${call.id}\n`,
    ...headers.map(([name, value]) => `${dim(printable(`${name}: ${value}`))}\n`),
    bodyText(answer.body),
    triedText(completed, io),
    delivery === null
      ? ""
      : `\n${bold("what was left for later")}\n${jobTable([delivery], io)}${
          delivery.tries.length === 0 ? "it was not sent yet\n" : `\n${triesTable(delivery, io)}`
        }${parked === null ? "" : printable(`it waits, parked: ${parked}`).concat("\n")}`,
  ].join("");
}

function bodyText(body: Uint8Array): string {
  if (body.length === 0) return "";
  const text = Buffer.from(body).toString();
  const lines = text.slice(0, SHOWN_BODY).trimEnd().split("\n");
  return `${lines.map((line) => `${printable(line)}\n`).join("")}${text.length > SHOWN_BODY ? "… (--json has all of it)\n" : ""}`;
}

function triedText(completed: Completed | null, io: Io): string {
  if (completed === null) return "\nthe sidecar did not tell of its tries in time: outrigger tail shows them\n";
  const denied = completed.denied === undefined ? "" : `not repeated: ${printable(completed.denied)}\n`;
  if (completed.attempts.length === 0) return denied === "" ? "" : `\n${denied}`;
  const { red, yellow, green } = paint(io);
  const colours: Readonly<Record<string, (text: string) => string>> = { ok: green, permanent: red };
  const rows = completed.attempts.map((one): Cell[] => [
    String(one.n),
    one.upstream,
    one.status === undefined ? "-" : String(one.status),
    {
      text: one.reason === undefined ? one.worth : `${one.worth}: ${one.reason}`,
      paint: colours[one.worth] ?? yellow,
    },
    tookText(one.duration_ms),
    one.detail ?? "",
  ]);
  return `\n${table(["N", "UPSTREAM", "STATUS", "RESULT", "TIME", ""], rows, io.columns)}${denied}`;
}

export function sentJson(call: Call, { answer, completed, delivery }: Told): object {
  return {
    request_id: call.id,
    status: answer.status,
    headers: answer.headers.map(([name, value]) => ({ name, value })),
    body: Buffer.from(answer.body).toString("base64"),
    completed,
    delivery,
  };
}
