import { systemClock } from "../../src/core/clock.ts";
import type { EgressRule } from "../../src/core/egress.ts";
import type { ChannelSettings, NotifySettings } from "../../src/core/settings.service.ts";
import type { AppSettings } from "../../src/core/settings.ts";
import type { HttpSettings } from "../../src/notify/channels/http.ts";
import type { Notice } from "../../src/notify/notice.ts";
import { createNotifier, type Notifier } from "../../src/notify/notifier.ts";
import { retryAfterMs } from "../../src/policy/retryafter.ts";
import { createConnector } from "../../src/upstream/connect.ts";
import { compileSigner } from "../../src/upstream/sign.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";
import { ANYWHERE } from "./peers.ts";

export interface ToldLine {
  readonly level: "info" | "warn" | "error";
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** A notifier with the way out that it has in the program, a clock that stands, and waits of 1 s, 2 s, 3 s. */
export interface NotifyRig {
  readonly notifier: Notifier;
  readonly clock: ManualClock;
  readonly lines: readonly ToldLine[];
  /** How often each outcome was counted, as in `{ "hook sent": 2 }`. */
  readonly counts: Readonly<Record<string, number>>;
  /** Notices in the ledger, and what became of each, as in `hook sent after 2`. */
  readonly kept: readonly Notice[];
  readonly marks: readonly string[];
  /** Resolves once there are `n` lines. */
  line(n: number): Promise<ToldLine>;
  /** Resolves once `n` repeats were waited for, all told; the last one's timer stands then. */
  repeat(n: number): Promise<void>;
  apply(channels: readonly ChannelSettings[], routes?: NotifySettings["routes"]): void;
}

export function httpChannel(given: Partial<HttpSettings> & { url: string }): HttpSettings {
  return {
    name: "hook",
    type: "http",
    method: "POST",
    headers: [],
    body: null,
    timeoutMs: 5000,
    perMinute: null,
    retry: { attempts: 3, initialMs: 1000, maxMs: 30_000 },
    ...given,
  };
}

export type ChatSettings = Extract<ChannelSettings, { readonly type: "slack" | "discord" }>;
type WebhookSettings = Extract<ChannelSettings, { readonly type: "webhook" }>;

const PEOPLE = { timeoutMs: 5000, perMinute: 30, retry: { attempts: 3, initialMs: 1000, maxMs: 30_000 } };

export function chatChannel(given: Partial<ChatSettings> & Pick<ChatSettings, "type" | "url">): ChatSettings {
  return { name: "chat", ...PEOPLE, ...given };
}

export function webhookChannel(given: Pick<WebhookSettings, "url" | "secret">): WebhookSettings {
  return { name: "hook", type: "webhook", ...PEOPLE, ...given };
}

type EmailSettings = Extract<ChannelSettings, { readonly type: "email" }>;

export function emailChannel(given: Partial<EmailSettings> & { smtp: string }): EmailSettings {
  return {
    name: "mail",
    type: "email",
    from: "outrigger@ops.example",
    to: ["ops@ops.example"],
    ...PEOPLE,
    timeoutMs: 30_000,
    ...given,
  };
}

/** Every event of the tests goes to the first channel, unless rules say otherwise; `egress` is who may be dialled. */
export function createNotifyRig(secret = "a-secret-of-the-manifest", egress: EgressRule = ANYWHERE): NotifyRig {
  const clock = createManualClock();
  const lines: ToldLine[] = [];
  const counts: Record<string, number> = {};
  const kept: Notice[] = [];
  const marks: string[] = [];
  let ids = 0;
  let repeats = 0;
  const waiting = new Set<() => void>();
  const until = (done: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!done()) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  const wake = (): void => {
    for (const look of waiting) look();
  };
  const say = (level: ToldLine["level"]) => (fields: ToldLine["fields"], message: string) => {
    lines.push({ level, fields, message });
    wake();
  };
  const notifier = createNotifier({
    clock,
    log: { info: say("info"), warn: say("warn"), error: say("error") },
    count: (channel, outcome) => {
      counts[`${channel} ${outcome}`] = (counts[`${channel} ${outcome}`] ?? 0) + 1;
    },
    ledger: {
      add: (notice) => void kept.push(notice),
      mark: (_id, channel, state, attempts) => void marks.push(`${channel} ${state} after ${attempts}`),
    },
    outbox: null,
    newId: () => `notice-${++ids}`,
    signer: (secret) => {
      const signer = compileSigner({ scheme: "standard-webhooks", secrets: [secret] });
      if (!signer.ok) throw new Error(signer.error);
      // Its receivers read the machine's clock.
      return (id, body, out) => signer.value.sign(id, systemClock.wall(), Buffer.from(body), out);
    },
    backoffMs: (_retry, n) => {
      repeats++;
      // Whoever waits goes on in a later turn: by then the timer stands.
      setImmediate(wake);
      return 1000 * n;
    },
    retryAfterMs: (headers) => retryAfterMs(headers, clock.wall()),
    connector: (to, timeoutMs) => createConnector(to, null, () => timeoutMs, { clock, egress }).connect,
  });
  const upstreams = [
    { name: "primary", url: "http://10.0.0.5:9000/" },
    { name: "backup", url: "http://10.0.0.6:9000/base" },
  ];
  return {
    notifier,
    clock,
    lines,
    counts,
    kept,
    marks,
    line: async (n) => {
      await until(() => lines.length >= n);
      return lines[n - 1] as ToldLine;
    },
    repeat: (n) => until(() => repeats >= n),
    apply(channels, routes) {
      const everything = [{ on: ["failover", "failback", "fallback.used"], apps: null, to: [channels[0]?.name ?? ""] }];
      notifier.apply({
        notify: { channels, routes: routes ?? everything },
        apps: [{ name: "quiz", owner: "dev@quiz.example", upstreams }] as unknown as readonly AppSettings[],
        dashboard: "https://outrigger.example",
        mask: (text) => text.replaceAll(secret, "***"),
      });
    },
  };
}
