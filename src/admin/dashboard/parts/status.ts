import type { VNode } from "preact";
import { html } from "../core/html.ts";

/** How something is, as a shape and a word: never by colour alone. */
export type Level = "good" | "warn" | "bad" | "idle";

const SHAPES: Readonly<Record<Level, string>> = {
  good: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Z",
  warn: "M8 1.500 15 14H1Z",
  bad: "M2.500 2.500h11v11h-11Z",
  idle: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 2.200a3.800 3.800 0 1 1 0 7.600 3.800 3.800 0 0 1 0-7.600Z",
};

export function Shape({ level }: { level: Level }): VNode {
  return html`<svg class=${`shape ${level}`} viewBox="0 0 16 16" width="12" height="12" aria-hidden="true">
    <path fill-rule="evenodd" d=${SHAPES[level]} />
  </svg>`;
}

export function Badge({ level, text }: { level: Level; text: string }): VNode {
  return html`<span class=${`badge ${level}`}><${Shape} level=${level} />${text}</span>`;
}

const LEVELS: Readonly<Record<string, Level>> = {
  healthy: "good",
  degraded: "warn",
  unhealthy: "bad",
  unknown: "idle",
  closed: "good",
  half_open: "warn",
  open: "bad",
  serving: "good",
  returning: "warn",
  away: "bad",
  queued: "idle",
  leased: "idle",
  verifying: "idle",
  delivered: "good",
  dead: "bad",
  cancelled: "warn",
  ok: "good",
  declined: "good",
  fallback: "warn",
  failed: "bad",
  rejected: "warn",
  aborted: "idle",
  permanent: "bad",
  transient: "warn",
  push_back: "warn",
  ignored: "idle",
  firing: "bad",
  pending: "warn",
  resolved: "good",
  silenced: "idle",
  critical: "bad",
  warning: "warn",
  info: "idle",
  error: "bad",
};

/** `half_open` → half open. What no word is known for is idle. */
export function StateBadge({ state }: { state: string }): VNode {
  return html`<${Badge} level=${levelOf(state)} text=${(WORDS[state] ?? state).replaceAll("_", " ")} />`;
}

const WORDS: Readonly<Record<string, string>> = { leased: "being sent", queued: "waiting" };

export function levelOf(state: string): Level {
  return Object.hasOwn(LEVELS, state) ? (LEVELS[state] as Level) : "idle";
}
