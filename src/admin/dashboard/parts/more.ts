import type { ComponentChildren, VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { type Answer, type Failure, get } from "../core/api.ts";
import { html } from "../core/html.ts";
import type { LiveEvent } from "../core/live.ts";
import { type Resource, useResource } from "../core/resource.ts";

export interface Part<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

export interface Listed<T> {
  readonly first: Resource<Part<T>>;
  readonly items: readonly T[];
  /** Brings the next part; null at the end. */
  readonly more: (() => void) | null;
  readonly failure: Failure | null;
  readonly busy: boolean;
}

/** Held at most: further on, a filter helps more than scrolling. */
const MAX_ITEMS = 1_000;

/** A list in parts: the first is kept up to date, further ones come when they are asked for. */
export function useList<T>(path: string, about?: (event: LiveEvent) => boolean, everyMs?: number): Listed<T> {
  const first = useResource<Part<T>>(path, about, everyMs);
  const [rest, setRest] = useState<{ path: string; items: readonly T[]; next: string | null } | null>(null);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  useEffect(() => {
    setRest(null);
    setFailure(null);
  }, [path]);
  const later = rest?.path === path ? rest : null;
  const items = [...(first.data?.items ?? []), ...(later?.items ?? [])];
  const next = later ? later.next : (first.data?.next ?? null);
  const load = async (cursor: string): Promise<void> => {
    setBusy(true);
    const answer = await further<T>(path, cursor);
    setBusy(false);
    if (!answer.ok) return setFailure(answer.failure);
    setFailure(null);
    const { value } = answer;
    setRest((old) => ({ path, items: [...(old?.path === path ? old.items : []), ...value.items], next: value.next }));
  };
  const more = next !== null && items.length < MAX_ITEMS ? (): void => void load(next) : null;
  return { first, items, more, failure, busy };
}

/** A part of a filtered list may hold nothing though there is more behind it: it is looked for a while. */
const LOOKS = 20;

async function further<T>(path: string, from: string): Promise<Answer<Part<T>>> {
  let cursor = from;
  for (let looks = 1; ; looks++) {
    const answer = await get<Part<T>>(`${path}${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(cursor)}`);
    if (!answer.ok || answer.value.items.length > 0 || answer.value.next === null || looks === LOOKS) return answer;
    cursor = answer.value.next;
  }
}

export function More<T>({ list, children }: { list: Listed<T>; children?: ComponentChildren }): VNode | null {
  if (!list.more && !list.failure && !children) return null;
  return html`<div class="more">
    ${list.more && html`<button type="button" disabled=${list.busy} onClick=${list.more}>${list.busy ? "Loading…" : list.items.length === 0 ? "Look further back" : "Show more"}</button>`}
    ${list.failure && html`<span class="bad" role="status">${list.failure.title}</span>`} ${children}
  </div>`;
}
