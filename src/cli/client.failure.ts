import type { Response } from "undici";
import { z } from "zod";
import { printable } from "./table.ts";
import type { Failure, Target } from "./target.ts";

/** What commands say when the admin API refuses, is not there, or is something else. */

const refusalSchema = z.object({
  type: z.string().optional(),
  title: z.string(),
  detail: z.string().optional(),
  issues: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});

/** By the name of the problem: what to try. */
const HINTS: Readonly<Record<string, string>> = {
  "no-app": "See what there is with: outrigger apps",
  "no-channel": "Channels are in the manifest, under notify.channels",
  "no-alert": "See what fires with: outrigger alerts list",
  "no-upstream": "Choose one of those: outrigger failover switch APP UPSTREAM",
  "single-upstream": "Give it a second one under its upstreams in the manifest",
  "not-pinned": "Where its traffic goes and why: outrigger failover show APP",
  "no-delivery": "See what there is with: outrigger deliveries list, or: outrigger dlq list",
  "not-dead": "Look at it with: outrigger deliveries show ID",
  "wrong-state": "Look at it with: outrigger deliveries show ID",
  "spool-away": "It may come back by itself; outrigger status and the sidecar's log say more",
  "backup-running": "Try again when it is done",
  "spool-on-redis":
    "Copy it there: redis-cli BGSAVE, then the file dump.rdb, or the folder appendonlydir, of Redis's dir. " +
    'What is here is history.db in data_dir (pauses, pins, silences, alert rules, figures, audit): sqlite3 history.db ".backup COPY"',
  "bad-lines": "It takes what outrigger dlq export writes, a job a line",
};

export async function refusalOf(response: Response, target: Target): Promise<Failure> {
  const body = refusalSchema.safeParse(await response.json().catch(() => null));
  if (!body.success) return { ...notUnderstood(target), wrong: `${target.url} answered ${response.status}` };
  const { type, title, detail, issues } = body.data;
  const where = issues?.map(({ path, message }) => `${path}: ${message}`).join("; ");
  const said = where ?? detail;
  const wrong = printable(`${title.toLowerCase()}${said === undefined ? "" : `: ${said}`}`);
  const known = HINTS[type?.split(":").at(-1) ?? ""];
  if (known !== undefined) return { wrong, hint: known };
  if (response.status === 401)
    return {
      wrong:
        target.token === null
          ? "the sidecar wants a token, and none was found"
          : "the sidecar does not know this token",
      hint:
        "Give it with --token or OUTRIGGER_ADMIN_TOKEN; where none is configured it is in the file admin-token of the " +
        "data directory (with -c FILE it is read from there), readable for the user that runs outrigger",
    };
  if (response.status === 403) return { wrong, hint: "This needs the token of an operator: give it with --token" };
  if (response.status === 421)
    return { wrong, hint: "Name the sidecar by its address, or add the name to admin.allowed_hosts" };
  if (response.status === 404) return { wrong, hint: "See what there is with: outrigger routes" };
  return { wrong, hint: `${target.url} answered ${response.status}; its log may say more` };
}

/** The person ended it. */
export const INTERRUPTED: Failure = { wrong: "interrupted", hint: "What was done before stays done" };

export function unreachable(error: unknown, target: Target): Failure {
  const cause: unknown = error instanceof Error ? (error.cause ?? error) : error;
  const late = error instanceof Error && error.name === "TimeoutError";
  const code = late ? "not in time" : cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
  const where = target.socketPath === null ? target.url : `unix:${target.socketPath}`;
  return {
    wrong: `nothing answers at ${where} (${printable(code)})`,
    hint: "Is it running? Start it with: outrigger serve. Or name another with --admin URL, OUTRIGGER_ADMIN or -c FILE",
  };
}

export function notUnderstood({ url }: Target): Failure {
  return {
    wrong: `what answers at ${url} is not understood`,
    hint: "Is that the admin listener (not the proxy), and of this version of outrigger?",
  };
}
