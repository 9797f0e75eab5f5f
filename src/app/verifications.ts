import type { Clock } from "../core/clock.ts";
import type { EventBus } from "../core/events.ts";
import type { Answer, Exchange } from "../core/exchange.ts";
import type { Random } from "../core/random.ts";
import { ok, type Result } from "../core/result.ts";
import type { RouteSettings } from "../core/settings.route.ts";
import type { AppSettings, UpstreamSettings } from "../core/settings.ts";
import type { Verify } from "../policy/verify.ts";
import { storedRequest } from "../proxy/delivery.ts";
import type { RoutePlan } from "../proxy/plan.ts";
import type { Spool, Verifying } from "../spool/port.ts";
import { firstIn } from "../spool/verifier.polled.ts";
import type { PollFound, Verification, Verifier, VerifyRoute } from "../spool/verifier.ts";
import type { Asked, Question } from "../upstream/ask.ts";

/** Delivery verification: what joins a route's plan, the spool and who asks. */

/** Asks an upstream the way requests go there; null where the manifest has it no more. */
export type AskUpstream = (app: AppSettings, upstream: UpstreamSettings, question: Question) => Promise<Asked> | null;

/** One question may take so long. */
const POLL_TIMEOUT_MS = 5_000;
const NOTHING = Buffer.alloc(0);

export interface BeginDeps {
  readonly clock: Clock;
  readonly random: Random;
}

/** What is to be asked after a good answer of the app, or why it can't be. */
export function beginVerifying(
  { settings, verify }: { readonly settings: RouteSettings; readonly verify: Verify },
  x: Exchange,
  answer: Answer,
  { clock, random }: BeginDeps,
): Result<Verifying, string> {
  const path = verify.pathFor(x, answer);
  if (!path.ok) return path;
  const { intervalMs = 0, timeoutMs = 0 } = settings.verify ?? {};
  const url = settings.upstreams.find(({ name }) => name === answer.upstream)?.url ?? "";
  return ok({
    poll: {
      path: path.value,
      upstream: answer.upstream,
      url,
      status: answer.status,
      since: clock.wall(),
      repeatable: x.repeatable,
      polls: 0,
      last: null,
    },
    delayMs: firstIn({ intervalMs, timeoutMs }, random.float()),
    forMs: timeoutMs,
  });
}

export interface CallVerifierDeps extends BeginDeps {
  readonly spool: Pick<Spool, "put">;
  readonly verifier: Pick<Verifier, "begun">;
  readonly verified: (end: Verification) => void;
}

/** Tells the spool of a synchronous call with a good answer. Nobody waits for it: the caller has its answer. */
export type VerifyCall = (route: RouteSettings, verify: Verify, x: Exchange, answer: Answer) => void;

export function createVerifyCall(deps: CallVerifierDeps): VerifyCall {
  const { clock, spool } = deps;
  return (settings, verify, x, answer) => {
    const { capability } = settings;
    const app = settings.app.name;
    const unverified = (detail: string): void =>
      deps.verified({
        at: clock.wall(),
        app,
        capability,
        id: x.id,
        requestId: x.id,
        origin: "sync",
        upstream: answer.upstream,
        url: null,
        result: "unverified",
        detail,
        polls: 0,
      });
    const begun = beginVerifying({ settings, verify }, x, answer, deps);
    if (!begun.ok) return unverified(begun.error);
    const record = {
      app,
      capability,
      requestId: x.id,
      request: storedRequest(x),
      body: NOTHING,
      maxAgeMs: settings.retry.maxAgeMs,
      orderKey: null,
      key: null,
      origin: "sync",
      sends: x.attempts.length,
      tries: [],
      inDoubt: false,
      at: clock.wall(),
      verify: begun.value,
    } as const;
    spool.put(record).then(
      (receipt) => {
        if (receipt.kind === "queued") deps.verifier.begun({ app, capability }, begun.value.delayMs);
        else unverified("the spool is full");
      },
      () => unverified("the spool does not answer"),
    );
  };
}

/** A route as the verifier has it. */
export function verifyRoute(
  { ref, settings, verify, set }: RoutePlan,
  retry: VerifyRoute["retry"],
  { clock, ask, version }: { readonly clock: Clock; readonly ask: AskUpstream; readonly version: string },
): VerifyRoute {
  const { app, capability, upstreams } = settings;
  const one: VerifyRoute["poll"] =
    verify === null || settings.verify === null
      ? null
      : {
          intervalMs: settings.verify.intervalMs,
          async ask({ path, upstream: name, url }, requestId, signal): Promise<PollFound> {
            const upstream = upstreams.find((known) => known.name === name && known.url === url);
            const headers = ["User-Agent", `outrigger/${version}`, "X-Request-ID", requestId, ...set];
            const asked = upstream && (await ask(app, upstream, { path, headers, timeoutMs: POLL_TIMEOUT_MS, signal }));
            if (asked) return verify.judge(asked, clock.wall());
            const detail = `upstream ${name} is not in the manifest any more`;
            return { kind: "not_yet", detail, retryAfterMs: null };
          },
        };
  return { app: app.name, capability, key: ref.key, retry, onDead: settings.orderBy?.onDead ?? "release", poll: one };
}

export interface ReportDeps {
  readonly bus: Pick<EventBus, "emit">;
  readonly count: (route: Pick<Verification, "app" | "capability">, result: Verification["result"]) => void;
  /** It counts as a failure of the upstream. */
  readonly failed: (app: string, upstream: { readonly name: string; readonly url: string }) => void;
}

/** Who hears of the end of a verification: counts, health, and for one that is not good the bus. */
export function reportVerification({ bus, count, failed }: ReportDeps): (end: Verification) => void {
  return (end) => {
    const { result, url, detail, ...about } = end;
    count(end, result);
    if (result === "failed" && url !== null) failed(end.app, { name: end.upstream, url });
    if (result !== "verified") bus.emit({ type: "verification.failed", ...about, result, detail: detail ?? "" });
  };
}
