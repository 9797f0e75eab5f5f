import { type JobSummaryView, jobSummarySchema } from "../admin/jobs.ts";
import { bulkResultSchema } from "../admin/routes/dlq.bulk.ts";
import type { Clock } from "../core/clock.ts";
import { err, ok, type Result } from "../core/result.ts";
import { jobsText } from "./amount.ts";
import type { Client } from "./client.ts";
import { type ExitCode, type Io, usage } from "./command.ts";
import { type FilterFields, type FilterOptions, filterFields } from "./filters.ts";
import { createProgress } from "./progress.ts";
import { jsonText, type RemoteOptions, remotely } from "./remote.ts";
import { printable } from "./table.ts";
import type { Failure } from "./target.ts";

/** `dlq retry` and `dlq delete`: by id, or by a filter, which only counts until `--yes`. */

export interface BulkOptions extends RemoteOptions, FilterOptions {
  readonly all?: true;
  readonly yes?: true;
}

type Verb = "retry" | "delete";

const DONE = { retry: "queued again", delete: "deleted" } as const;
/** One call looks at so many, so that progress is seen and an interrupt is heard. */
const AT_ONCE = 5_000;
const TIMEOUT_MS = 120_000;

export async function bulk(
  io: Io,
  verb: Verb,
  ids: readonly string[],
  options: BulkOptions,
  clock: Pick<Clock, "wall">,
): Promise<ExitCode> {
  const fields = filterFields(options, clock);
  if (!fields.ok) return usage(io, fields.error.wrong, fields.error.hint);
  const filtered = Object.keys(fields.value).length > 0;
  if ([ids.length > 0, filtered, options.all === true].filter(Boolean).length !== 1)
    return usage(
      io,
      "it must be clear which deliveries are meant",
      `Name ids, or a filter (--app, --capability, --reason, --since, --until), or --all: outrigger dlq ${verb} --help`,
    );
  return ids.length > 0 ? byId(io, verb, ids, options) : byFilter(io, verb, fields.value, options);
}

/** One that is refused keeps none of the others from being done. */
function byId(io: Io, verb: Verb, ids: readonly string[], options: BulkOptions): Promise<ExitCode> {
  return remotely(io, options, async (client) => {
    const items: JobSummaryView[] = [];
    const failed: { readonly id: string; readonly error: string }[] = [];
    for (const id of ids) {
      const path = `/dlq/${encodeURIComponent(id)}`;
      const answer =
        verb === "retry"
          ? await client.post(`${path}/retry`, {}, jobSummarySchema)
          : await client.del(path, jobSummarySchema);
      if (!answer.ok && ids.length === 1) return answer;
      if (answer.ok) items.push(answer.value);
      else failed.push({ id, error: answer.error.wrong });
      if (!options.json && answer.ok) io.stdout(`${printable(id)} ${DONE[verb]}\n`);
      if (!answer.ok) io.stderr(`error: ${printable(id)}: ${answer.error.wrong}\n`);
    }
    if (options.json) io.stdout(jsonText({ items, failed }));
    return ok(failed.length === 0 ? 0 : 1);
  });
}

function byFilter(io: Io, verb: Verb, fields: FilterFields, options: BulkOptions): Promise<ExitCode> {
  return remotely(io, options, async (client) => {
    const dryRun = options.yes !== true;
    const done = await changeAll(io, client, verb, fields, dryRun);
    if (!done.ok) return done;
    const count = done.value;
    if (options.json) io.stdout(jsonText({ count, dry_run: dryRun }));
    else if (count === 0) io.stdout("nothing that is dead matches\n");
    else io.stdout(`${jobsText(count)} ${dryRun ? `would be ${DONE[verb]}` : DONE[verb]}\n`);
    if (!dryRun || count === 0) return ok(0);
    io.stderr("nothing was changed: add --yes to do it\n");
    return ok(1);
  });
}

/** Part by part, since one call for all could take very long. */
async function changeAll(
  io: Io,
  client: Client,
  verb: Verb,
  fields: FilterFields,
  dryRun: boolean,
): Promise<Result<number, Failure>> {
  using progress = createProgress(io);
  let count = 0;
  let from: object = {};
  for (;;) {
    const body = { ...fields, ...from, dry_run: dryRun, limit: AT_ONCE };
    const answer = await client.post(`/dlq/${verb}`, body, bulkResultSchema, TIMEOUT_MS);
    if (!answer.ok) {
      const { wrong, hint } = answer.error;
      const so = dryRun || count === 0 ? "" : `; ${jobsText(count)} ${DONE[verb]} before, and that stays`;
      return err({ wrong: `${wrong}${so}`, hint });
    }
    count += answer.value.count;
    if (answer.value.next === null) return ok(count);
    from = { cursor: answer.value.next };
    progress.show(`${jobsText(count)} ${dryRun ? "so far" : DONE[verb]}`);
  }
}
