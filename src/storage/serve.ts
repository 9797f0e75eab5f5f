import { join } from "node:path";
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { type Command, type Database, openDatabase } from "./database.ts";
import { makeDataDir } from "./directory.ts";
import { toStorageError } from "./error.ts";
import { historySchema } from "./history/history.ts";
import { acquireOwner, type Owner } from "./owner.ts";
import type { FromThread, ThreadOptions, ToThread } from "./protocol.ts";

/** Commands of one transaction: a longer queue is answered in parts. */
const MAX_BATCH = 4096;

export interface ServeOptions extends ThreadOptions {
  /** Unix milliseconds. */
  readonly wall: () => number;
  /** Reads every page of a file in the background. */
  readonly check: (path: string) => Check;
}

/** A check under way: what is wrong with the file, none if all is well. Stopped, it may never settle. */
export interface Check {
  readonly problems: Promise<readonly string[]>;
  readonly stop: () => void;
}

/**
 * The storage thread's side: owns the data directory and its files until `close`, and answers batches. Whatever
 * waits on the port when one is looked at joins the same transaction and goes back in the same message.
 */
export function serve(port: MessagePort, options: ServeOptions): void {
  const send = (message: FromThread): void => port.postMessage(message);
  let owner: Owner | null = null;
  let history: Database;
  try {
    makeDataDir(options.dataDir);
    owner = acquireOwner(options.dataDir, process.pid);
    history = openDatabase({
      path: join(options.dataDir, historySchema.file),
      schema: historySchema,
      wall: options.wall,
      onFailing: (detail) => send({ kind: "failing", store: "history", detail }),
    });
  } catch (error) {
    owner?.release();
    const { code, message } = toStorageError(error);
    send({ kind: "refused", code, message });
    port.close();
    return;
  }

  const held = owner;
  const check = options.check(history.path);
  check.problems.then(
    // A command may have met the damage first: then the file that was read is already set aside.
    (problems) => problems.length > 0 && history.repairs() === 0 && history.repair(problems.join("; ")),
    (error: Error) => send({ kind: "failing", store: "history", detail: `it could not be checked: ${error.message}` }),
  );
  port.on("message", (first: ToThread) => {
    const { commands, closing } = gather(port, first);
    for (let i = 0; i < commands.length; i += MAX_BATCH) {
      send({ kind: "replies", replies: history.run(commands.slice(i, i + MAX_BATCH)) });
    }
    if (!closing) return;
    check.stop();
    history.close();
    held.release();
    port.close();
  });
  send({ kind: "opened" });
}

/** Joins the message at hand with those behind it, up to a `close`. */
function gather(port: MessagePort, first: ToThread): { commands: Command[]; closing: boolean } {
  const commands: Command[] = [];
  let message: ToThread | undefined = first;
  while (message) {
    if (message.kind === "close") return { commands, closing: true };
    for (const command of message.commands) commands.push(command);
    message = receiveMessageOnPort(port)?.message as ToThread | undefined;
  }
  return { commands, closing: false };
}
