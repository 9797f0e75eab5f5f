import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { duration, plain, words } from "../core/format.ts";
import { html } from "../core/html.ts";
import { readStream } from "../core/sse.ts";
import { levelOf, Shape, StateBadge } from "../parts/status.ts";
import { Time } from "../parts/time.ts";

/** A call as it ended, with every try of it: `request.completed`. */
interface Completed {
  readonly id: string;
  readonly at: string;
  readonly capability?: string;
  readonly outcome: string;
  readonly reason?: string;
  readonly status: number;
  readonly duration_ms: number;
  readonly attempts: readonly {
    readonly n: number;
    readonly upstream: string;
    readonly worth: string;
    readonly reason?: string;
    readonly status?: number;
    readonly duration_ms: number;
    readonly detail?: string;
  }[];
}

const SHOWN = 10;
/** Drawn no more often than this, whatever comes. */
const DRAW_MS = 500;
const AGAIN_MS = 3_000;
const GOOD: ReadonlySet<string> = new Set(["ok", "declined", "queued"]);

/**
 * The failures of a route as they happen, with their tries, which the history does not keep. All calls of the app
 * come over the line for it, so it is only done while somebody watches.
 */
export function Watch({ app, capability }: { app: string; capability: string }): VNode {
  const [failures, setFailures] = useState<readonly Completed[]>([]);
  useEffect(() => {
    const ended = new AbortController();
    let newest: readonly Completed[] = [];
    const onMessage = (data: string): void => {
      const call = JSON.parse(data) as Completed;
      if (call.capability !== capability || GOOD.has(call.outcome)) return;
      newest = [call, ...newest].slice(0, SHOWN);
    };
    const draw = setInterval(() => setFailures(newest), DRAW_MS);
    const path = `/events?type=request.completed&app=${encodeURIComponent(app)}`;
    const follow = async (): Promise<void> => {
      while (!ended.signal.aborted) {
        await readStream(path, ended.signal, { lastId: "", onOpen: () => {}, onMessage }).catch(() => false);
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    };
    void follow();
    return () => {
      ended.abort();
      clearInterval(draw);
    };
  }, [app, capability]);
  return html`<div class="watch" role="log" aria-label="Failures as they happen" aria-live="off">
    ${failures.length === 0 && html`<p class="empty">Watching. The next failure is shown here with every try of it.</p>`}
    <ol class="story">${failures.map((call) => html`<${Call} key=${call.id} call=${call} />`)}</ol>
  </div>`;
}

function Call({ call }: { call: Completed }): VNode {
  const { id, at, outcome, reason, status, attempts } = call;
  return html`<li>
    <${Shape} level=${levelOf(outcome)} />
    <div>
      <p>
        <strong>${words(outcome)}${reason && `: ${words(reason)}`}</strong>
        <span class="quiet"> ${status > 0 ? `answered ${status}` : "no answer"} after ${duration(call.duration_ms)}, <${Time} at=${at} /> <code>${id}</code></span>
      </p>
      ${attempts.length === 0 && html`<p class="quiet">Nothing was sent.</p>`}
      <ol class="tries">
        ${attempts.map(
          (one) => html`<li key=${one.n}>
            Try ${one.n + 1} on <strong>${one.upstream}</strong>: ${one.status ? `answered ${one.status}` : words(one.reason ?? "no answer")} in ${duration(one.duration_ms)}
            ${" "}<${StateBadge} state=${one.worth} />${one.detail && html` <span class="quiet">${plain(one.detail)}</span>`}
          </li>`,
        )}
      </ol>
    </div>
  </li>`;
}
