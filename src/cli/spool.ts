import { ok } from "../core/result.ts";
import { sizeText } from "./amount.ts";
import type { Command, ExitCode, Io } from "./command.ts";
import { saveNew } from "./newfile.ts";
import { createProgress } from "./progress.ts";
import { jsonText, type RemoteOptions, remotely, remoteOptions } from "./remote.ts";
import { type MoveSpool, registerMove } from "./spool.move.ts";

/** `spool backup` and `spool move`: the store of what was accepted and not delivered yet. */
export function spoolCommand(move: MoveSpool): Command {
  return {
    name: "spool",
    register(program, io, settle) {
      const spool = program.command("spool").description("the store of deliveries");
      remoteOptions(
        spool
          .command("backup <file>")
          .description(
            "copy the whole spool, while it runs, into a new file: a SQLite file with every payload and secret",
          ),
      ).action(async (file: string, options: RemoteOptions) => settle(await backup(io, file, options)));
      registerMove(spool, io, settle, move);
    },
  };
}

function backup(io: Io, file: string, options: RemoteOptions): Promise<ExitCode> {
  return remotely(io, options, async (client) => {
    using progress = createProgress(io);
    progress.show("the sidecar makes the copy");
    let bytes = 0;
    const saved = await saveNew(
      io,
      file,
      () => client.download("/spool/backup", "POST"),
      (chunk, size) => {
        bytes += chunk.length;
        progress.show(size === null ? sizeText(bytes) : `${sizeText(bytes)} of ${sizeText(size)}`);
      },
    );
    if (!saved.ok) return saved;
    io.stdout(options.json ? jsonText({ file, bytes: saved.value }) : `${sizeText(saved.value)} copied to ${file}\n`);
    return ok(0);
  });
}
