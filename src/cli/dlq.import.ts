import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import { importResultSchema } from "../admin/routes/dlq.import.ts";
import { err, ok, type Result } from "../core/result.ts";
import { jobsText } from "./amount.ts";
import type { Client } from "./client.ts";
import type { ExitCode, Io } from "./command.ts";
import { MAX_LINE_BYTES, partsOf } from "./lines.ts";
import { createProgress } from "./progress.ts";
import { jsonText, type RemoteOptions, remotely } from "./remote.ts";
import type { Failure } from "./target.ts";

interface Tally {
  imported: number;
  known: number;
  without_secrets: number;
}

/** `dlq import`: sent in parts, each imported whole or not at all. What is there already is left as it is. */
export function importJobs(io: Io, file: string, options: RemoteOptions): Promise<ExitCode> {
  return remotely(io, options, async (client) => {
    const tally: Tally = { imported: 0, known: 0, without_secrets: 0 };
    const sent = await sendAll(io, file, client, tally);
    if (!sent.ok) {
      const { wrong, hint } = sent.error;
      const before =
        tally.imported === 0
          ? ""
          : `; ${jobsText(tally.imported)} imported before: the same file may be imported again`;
      return err({ wrong: `${wrong}${before}`, hint });
    }
    if (options.json) io.stdout(jsonText(tally));
    else io.stdout(`${jobsText(tally.imported)} imported, ${tally.known} there already\n`);
    if (tally.without_secrets > 0)
      io.stderr(`${jobsText(tally.without_secrets)} exported without secrets: the app may refuse them when retried\n`);
    return ok(0);
  });
}

async function sendAll(io: Io, file: string, client: Client, tally: Tally): Promise<Result<null, Failure>> {
  using progress = createProgress(io);
  const source = file === "-" ? io.stdin() : createReadStream(resolve(io.cwd, file));
  try {
    for await (const part of partsOf(source)) {
      if (part === "too long")
        return err({ wrong: `a line is larger than ${MAX_LINE_BYTES} bytes`, hint: "Is this what dlq export wrote?" });
      const answer = await client.send(`/dlq/import?first_line=${part.firstLine}`, part.bytes, importResultSchema);
      if (!answer.ok) return answer;
      tally.imported += answer.value.imported;
      tally.known += answer.value.known;
      tally.without_secrets += answer.value.without_secrets;
      progress.show(`${jobsText(tally.imported)} imported`);
    }
    return ok(null);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return err({ wrong: `${file} cannot be read (${code ?? String(error)})`, hint: "It takes what dlq export wrote" });
  }
}
