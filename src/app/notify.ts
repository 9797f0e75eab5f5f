import type { EgressRule } from "../core/egress.ts";
import { uuidv7 } from "../core/ids.ts";
import type { Random } from "../core/random.ts";
import type { SignNotice } from "../notify/channels/webhook.ts";
import type { Notice } from "../notify/notice.ts";
import { createNotifier, type Notifier } from "../notify/notifier.ts";
import type { Ledger } from "../notify/report.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { backoffMs } from "../policy/backoff.ts";
import { retryAfterMs } from "../policy/retryafter.ts";
import type { History } from "../storage/storage.ts";
import { type ConnectDeps, createConnector } from "../upstream/connect.ts";
import { compileSigner } from "../upstream/sign.ts";
import type { Deliveries } from "./deliveries.ts";
import { createOutbox, type SpoolOutbox } from "./outbox.ts";

export interface Notifications {
  readonly notifier: Notifier;
  readonly outbox: SpoolOutbox;
}

interface NotifyParts {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly history: History;
  readonly deliveries: () => Pick<Deliveries, "spool" | "putOwn">;
  /** Asked at each connection: it follows the manifest. */
  readonly egress: () => EgressRule;
}

/** The notifier with what it takes from other rooms: waits, connections, signatures, the spool, log and counts. */
export function openNotifier(
  deps: Omit<ConnectDeps, "egress"> & { readonly random: Random },
  { log, metrics, history, deliveries, egress }: NotifyParts,
): Notifications {
  const { clock, random } = deps;
  const ledger: Ledger = {
    add: (notice) => history.addNotification(rowOf(notice)),
    mark: (id, channel, state, attempts, detail) =>
      history.markNotification({ id, channel, state, attempts, detail, at: clock.wall() }),
  };
  const outbox = createOutbox({
    clock,
    ledger,
    spool: () => deliveries().spool,
    put: (job) => deliveries().putOwn(job),
    report: () => notifier.report,
  });
  const signer = (secret: string): SignNotice => {
    const signer = compileSigner({ scheme: "standard-webhooks", secrets: [secret] });
    if (!signer.ok) throw new Error(`the manifest let a secret through: ${signer.error}`);
    return (id, body, out) => signer.value.sign(id, clock.wall(), Buffer.from(body), out);
  };
  const notifier = createNotifier({
    clock,
    log,
    count: metrics.notified,
    ledger,
    outbox,
    newId: () => uuidv7(clock, random),
    signer,
    backoffMs: (retry, n) => backoffMs({ ...retry, factor: 2, jitter: "full" }, n, random),
    retryAfterMs: (headers) => retryAfterMs(headers, clock.wall()),
    connector: (to, timeoutMs) => createConnector(to, null, () => timeoutMs, { ...deps, egress: egress() }).connect,
  });
  return { notifier, outbox };
}

function rowOf({ id, type, app, message }: Notice): Parameters<History["addNotification"]>[0] {
  const { at, severity, capability, room, title, sentences, command } = message;
  return { id, at: Date.parse(at), type, severity, app, capability, room, title, text: sentences.join(" "), command };
}
