import type { VNode } from "preact";
import { absolute, relative } from "../core/format.ts";
import { html } from "../core/html.ts";
import { now } from "../core/now.ts";
import { createStore, useStore } from "../core/store.ts";

/** Now, as all of the page sees it, so that its times go on together. */
const tick = createStore(now());
const TICK_MS = 5_000;
setInterval(() => document.visibilityState === "visible" && tick.set(now()), TICK_MS);

/** How long ago, with the exact time where the pointer rests and for those who listen. */
export function Time({ at }: { at: string | number | null | undefined }): VNode {
  const shownAt = Math.max(useStore(tick), now() - TICK_MS);
  if (at === null || at === undefined) return html`<span class="quiet">–</span>`;
  const ms = typeof at === "number" ? at : Date.parse(at);
  return html`<time datetime=${new Date(ms).toISOString()} title=${absolute(ms)}>${relative(ms, Math.max(shownAt, now()))}</time>`;
}
