import type { Clock } from "../core/clock.ts";
import { type Command, type ExitCode, type Io, usage } from "./command.ts";
import { type ListOptions, listJobs, listOptions, showJob } from "./deliveries.ts";
import { type BulkOptions, bulk } from "./dlq.bulk.ts";
import { type ExportOptions, exportJobs } from "./dlq.export.ts";
import { importJobs } from "./dlq.import.ts";
import { filterFields, filterOptions } from "./filters.ts";
import { type RemoteOptions, remoteOptions, targetOptions } from "./remote.ts";

/** `dlq list|show|retry|delete|export|import`: what never arrived. */
export function dlqCommand(clock: Pick<Clock, "wall">): Command {
  return {
    name: "dlq",
    register(program, io, settle) {
      const dlq = program
        .command("dlq")
        .description("the dead-letter queue of a running sidecar: what never arrived, kept until somebody acts");
      listOptions(
        filterOptions(remoteOptions(dlq.command("list").description("what is dead or cancelled, the newest first"))),
      ).action(async (options: ListOptions) => settle(await list(io, options, clock)));
      remoteOptions(dlq.command("show <id>").description("one of them: request, payload, every send")).action(
        async (id: string, options: RemoteOptions) =>
          settle(await showJob(io, `/dlq/${encodeURIComponent(id)}`, options)),
      );
      for (const verb of ["retry", "delete"] as const) {
        const does =
          verb === "retry"
            ? "queue dead deliveries again, with a fresh budget of tries"
            : "let go of dead deliveries and their payloads";
        filterOptions(remoteOptions(dlq.command(`${verb} [ids...]`).description(`${does}: by id, or all that match`)))
          .option("--all", "everything that is dead: instead of a filter")
          .option("--yes", "do it; without this a filter only counts")
          .action(async (ids: string[], options: BulkOptions) => settle(await bulk(io, verb, ids, options, clock)));
      }
      filterOptions(
        targetOptions(
          dlq.command("export").description("write dead deliveries as lines of JSON, one a line, its body in base64"),
        ),
      )
        .option("-o, --output <file>", "into this new file (default: stdout)")
        .option("--secrets", "keep credentials and signatures; without this they are ***, and an import lacks them")
        .action(async (options: ExportOptions) => settle(await exportJobs(io, options, clock)));
      remoteOptions(
        dlq.command("import <file>").description("put exported deliveries into the queue, from a file or stdin (-)"),
      ).action(async (file: string, options: RemoteOptions) => settle(await importJobs(io, file, options)));
    },
  };
}

async function list(io: Io, options: ListOptions, clock: Pick<Clock, "wall">): Promise<ExitCode> {
  const fields = filterFields(options, clock);
  if (!fields.ok) return usage(io, fields.error.wrong, fields.error.hint);
  return listJobs(io, "/dlq", options, fields.value);
}
