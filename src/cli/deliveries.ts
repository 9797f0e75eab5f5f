import { type JobSummaryView, jobSchema, jobSummarySchema } from "../admin/jobs.ts";
import type { Clock } from "../core/clock.ts";
import { JOB_STATES } from "../core/job.ts";
import { err, ok } from "../core/result.ts";
import { type Command, type ExitCode, type Io, usage } from "./command.ts";
import { jobTable, jobText } from "./delivery.text.ts";
import { type FilterFields, type FilterOptions, filterFields, filterOptions, queryOf } from "./filters.ts";
import { refuseUnknown } from "./known.ts";
import { parkedRoutes, parkedText } from "./parked.ts";
import { jsonText, type RemoteOptions, remotely, remoteOptions } from "./remote.ts";

/** `deliveries list|show|cancel|resend`: what a running sidecar accepted for later. */
export function deliveriesCommand(clock: Pick<Clock, "wall">): Command {
  return {
    name: "deliveries",
    register(program, io, settle) {
      const deliveries = program.command("deliveries").description("what a running sidecar accepted for later");
      listOptions(
        filterOptions(
          remoteOptions(deliveries.command("list").description("what was accepted for later, the newest first")),
        ),
      )
        .option("--state <states>", `only in these states, with commas between them: ${JOB_STATES.join(", ")}`)
        .option("--request-id <id>", "only those of this X-Request-ID")
        .action(async (options: ListOptions & Chosen) => settle(await list(io, options, clock)));
      remoteOptions(deliveries.command("show <id>").description("one delivery: request, payload, every send")).action(
        async (id: string, options: RemoteOptions) => settle(await showJob(io, pathOf(id), options)),
      );
      remoteOptions(
        deliveries.command("cancel <id>").description("end one that is queued, being sent or verified"),
      ).action(async (id: string, options: RemoteOptions) => settle(await change(io, `${pathOf(id)}/cancel`, options)));
      remoteOptions(
        deliveries
          .command("resend <id>")
          .description("send one again that was delivered, is being verified, dead or cancelled"),
      ).action(async (id: string, options: RemoteOptions) => settle(await change(io, `${pathOf(id)}/resend`, options)));
    },
  };
}

interface Chosen {
  readonly state?: string;
  readonly requestId?: string;
}

/** Of every list of jobs: there may be very many. */
export interface ListOptions extends RemoteOptions, FilterOptions {
  readonly limit: string;
}

export function listOptions(command: ReturnType<typeof remoteOptions>): ReturnType<typeof remoteOptions> {
  return command.option("--limit <n>", "at most this many", "100");
}

function pathOf(id: string): string {
  return `/deliveries/${encodeURIComponent(id)}`;
}

async function list(io: Io, options: ListOptions & Chosen, clock: Pick<Clock, "wall">): Promise<ExitCode> {
  const unknown = options.state?.split(",").find((state) => !JOB_STATES.some((known) => known === state));
  if (unknown !== undefined) return usage(io, `${unknown} is no state`, `There are: ${JOB_STATES.join(", ")}`);
  const fields = filterFields(options, clock);
  if (!fields.ok) return usage(io, fields.error.wrong, fields.error.hint);
  return listJobs(io, "/deliveries", options, {
    ...fields.value,
    ...(options.state !== undefined && { state: options.state }),
    ...(options.requestId !== undefined && { request_id: options.requestId }),
  });
}

/** Prints the first of a list, and says where more can be had. */
export async function listJobs(io: Io, path: string, options: ListOptions, fields: FilterFields): Promise<ExitCode> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1) return usage(io, `${options.limit} is no limit`, "Try: --limit 1000");
  return remotely(io, options, async (client) => {
    const answer = await client.head(`${path}${queryOf(fields)}`, jobSummarySchema, limit);
    if (!answer.ok) return answer;
    const { items, more } = answer.value;
    const unknown = items.length > 0 || fields.app === undefined ? null : await refuseUnknown(client, fields.app);
    if (unknown !== null) return err(unknown);
    if (options.json) io.stdout(jsonText({ items, more }));
    else if (items.length === 0) io.stdout("no deliveries\n");
    else io.stdout(jobTable(items, io, items.some(isQueued) ? await parkedRoutes(client) : undefined));
    if (more)
      io.stderr(`there are more: see them with --limit ${limit * 10}, or choose with --app, --since and others\n`);
    return ok(0);
  });
}

const isQueued = ({ state }: JobSummaryView): boolean => state === "queued";

export function showJob(io: Io, path: string, options: RemoteOptions): Promise<ExitCode> {
  return remotely(io, options, async (client) => {
    const answer = await client.get(path, jobSchema);
    if (!answer.ok) return answer;
    const { value } = answer;
    io.stdout(options.json ? jsonText(value) : jobText(value, await parkedText(client, value), io));
    return ok(0);
  });
}

function change(io: Io, path: string, options: RemoteOptions): Promise<ExitCode> {
  return remotely(io, options, async (client) => {
    const answer = await client.post(path, {}, jobSummarySchema);
    if (!answer.ok) return answer;
    io.stdout(options.json ? jsonText(answer.value) : jobTable([answer.value], io));
    return ok(0);
  });
}
