import { dropAddress } from "../admin/address.ts";
import { compileEgress, type EgressRule } from "../core/egress.ts";
import { createEventBus, type EventBus } from "../core/events.ts";
import { createLog, type Log } from "../observe/log.ts";
import { openStorage, type Storage } from "../storage/storage.ts";
import { createEarly } from "./early.ts";
import type { StartOptions } from "./options.ts";
import type { Manifested, Unpacked } from "./unpack.ts";

/** What every other service stands on. */
export interface Ground {
  readonly log: Log;
  readonly bus: EventBus;
  readonly storage: Storage;
  /** Everybody listens: tells them of what failed before they did. */
  allListen(): void;
  /** OUTRIGGER_SPOOL_KEY. */
  readonly key: string | undefined;
  /** Who may be dialled for what belongs to no app: it follows the manifest. */
  egress(): EgressRule;
  /** A manifest comes: its secrets stay out of the log. */
  follow(loaded: Manifested): void;
}

export async function openGround(
  { loaded: first }: Unpacked,
  options: StartOptions,
  started: AsyncDisposableStack,
): Promise<Ground> {
  const { clock } = options;
  const key = options.env.OUTRIGGER_SPOOL_KEY;
  const ownSecrets = (key ?? "").split(",").filter((key) => key !== "");
  let secrets: readonly string[] = [...first.secrets, ...ownSecrets];
  let before: readonly string[] = [];
  let egress = compileEgress(first.manifest.egress, null);
  const log = createLog({ clock, level: options.level, destination: options.logTo, secrets: () => secrets });
  started.defer(() => log.flush());
  const onError = (error: unknown): void => log.error({ err: error }, "a listener of events failed");
  const bus = createEventBus(onError);
  const early = createEarly(
    bus,
    [log.record, options.onEvent].filter((one) => one !== undefined),
    onError,
  );
  const storage = started.use(await openStorage({ dataDir: first.manifest.dataDir, clock, onEvent: early.emit }));
  // Of who was killed here. In a container its number is this process's, too.
  await dropAddress(first.manifest.dataDir).catch(() => undefined);
  return {
    log,
    bus,
    storage,
    allListen: early.over,
    key,
    egress: () => egress,
    follow(loaded) {
      // Requests under way are still those of the manifest before.
      secrets = [...new Set([...loaded.secrets, ...before, ...ownSecrets])];
      before = loaded.secrets;
      egress = compileEgress(loaded.manifest.egress, null);
    },
  };
}
