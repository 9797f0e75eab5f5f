import type { ComponentChildren, VNode } from "preact";
import type { Failure } from "../core/api.ts";
import { html } from "../core/html.ts";
import type { Resource } from "../core/resource.ts";
import { Time } from "./time.ts";

/** A titled part of a page. */
export function Panel(props: {
  title: string;
  note?: ComponentChildren;
  actions?: ComponentChildren;
  children?: ComponentChildren;
  id?: string;
}): VNode {
  const id = `${props.id ?? props.title.toLowerCase().replace(/[^a-z]+/g, "-")}-title`;
  return html`<section class="panel" aria-labelledby=${id}>
    <header>
      <h2 id=${id}>${props.title}</h2>
      ${props.note && html`<div class="note">${props.note}</div>`}
      ${props.actions && html`<div class="actions">${props.actions}</div>`}
    </header>
    ${props.children}
  </section>`;
}

/**
 * Shows what came. Before that grey bars; where the question failed, why; where this Outrigger knows no such resource,
 * a note that hurts nobody.
 */
export function Loaded<T>(props: {
  of: Resource<T>;
  what: string;
  rows?: number;
  children: (data: T) => ComponentChildren;
}): VNode {
  const { data, failure, at } = props.of;
  if (data === null)
    return failure
      ? html`<${Failed} failure=${failure} what=${props.what} />`
      : html`<${Bones} rows=${props.rows ?? 3} what=${props.what} />`;
  return html`<div>
    ${failure && html`<p class="stale" role="status">From <${Time} at=${at} />: ${failure.title.toLowerCase()} since.</p>`}
    ${props.children(data)}
  </div>`;
}

export function Failed({ failure, what }: { failure: Failure; what: string }): VNode {
  if (failure.status === 404 || failure.status === 405)
    return html`<p class="empty">This Outrigger has no ${what}.</p>`;
  return html`<p class="empty bad" role="status">
    <strong>${failure.title}.</strong> ${failure.detail} It is asked again every few seconds.
  </p>`;
}

function Bones({ rows, what }: { rows: number; what: string }): VNode {
  return html`<div class="bones" role="status" aria-label=${`Loading ${what}`}>
    ${Array.from({ length: rows }, (_, i) => html`<div key=${i} class="bone"></div>`)}
  </div>`;
}

/** Nothing there, and what would bring something. */
export function Empty({ title, hint, command }: { title: string; hint?: string; command?: string }): VNode {
  return html`<div class="empty">
    <p><strong>${title}</strong></p>
    ${hint && html`<p>${hint}</p>`} ${command && html`<p><code>${command}</code></p>`}
  </div>`;
}

/** A few facts in a row, each with its name. */
export function Facts({ facts }: { facts: readonly (readonly [name: string, value: ComponentChildren])[] }): VNode {
  return html`<dl class="facts">
    ${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;
}
