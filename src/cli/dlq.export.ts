import type { Clock } from "../core/clock.ts";
import { err, ok, type Result } from "../core/result.ts";
import { jobsText, sizeText } from "./amount.ts";
import type { Client } from "./client.ts";
import { type ExitCode, type Io, usage } from "./command.ts";
import { type FilterOptions, filterFields, queryOf } from "./filters.ts";
import { newlines } from "./lines.ts";
import { brokenOff, saveNew } from "./newfile.ts";
import { createProgress } from "./progress.ts";
import { type RemoteOptions, remotely } from "./remote.ts";
import type { Failure } from "./target.ts";

export interface ExportOptions extends Omit<RemoteOptions, "json">, FilterOptions {
  readonly output?: string;
  readonly secrets?: true;
}

/** `dlq export`: to stdout or a new file, as it comes; nothing is held. */
export async function exportJobs(io: Io, options: ExportOptions, clock: Pick<Clock, "wall">): Promise<ExitCode> {
  const fields = filterFields(options, clock);
  if (!fields.ok) return usage(io, fields.error.wrong, fields.error.hint);
  const path = `/dlq/export${queryOf({ ...fields.value, ...(options.secrets && { secrets: "true" }) })}`;
  return remotely(io, options, async (client) => {
    let jobs = 0;
    const progress = createProgress(io);
    const seen = (chunk: Uint8Array): void => {
      jobs += newlines(chunk);
      // On a terminal stdout and stderr are one: a line of ours would stand among the jobs.
      if (options.output !== undefined || !io.isTTY) progress.show(`${jobsText(jobs)} exported`);
    };
    const written = options.output
      ? await saveNew(io, options.output, () => client.download(path), seen)
      : await print(io, client, path, seen);
    progress[Symbol.dispose]();
    if (!written.ok) return written;
    if (options.output) io.stderr(`${jobsText(jobs)} exported to ${options.output}, ${sizeText(written.value)}\n`);
    if (!options.secrets && jobs > 0)
      io.stderr("credentials and signatures are left out: --secrets keeps them, for what is to be imported\n");
    return ok(0);
  });
}

async function print(
  io: Io,
  client: Client,
  path: string,
  seen: (chunk: Uint8Array) => void,
): Promise<Result<number, Failure>> {
  const opened = await client.download(path);
  if (!opened.ok) return opened;
  let bytes = 0;
  try {
    for await (const chunk of opened.value.body) {
      await io.write(chunk);
      bytes += chunk.length;
      seen(chunk);
    }
  } catch (error) {
    return err(brokenOff(error));
  }
  return ok(bytes);
}
