import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { bytes, plain } from "../core/format.ts";
import { html } from "../core/html.ts";
import type { Header } from "../core/jobs.ts";

/** What somebody else wrote: shown as text, never as what it says it is. */

/** Shown at once; the rest on demand, since a browser takes seconds to lay out megabytes. */
const SHOWN = 16_384;
/** Of longer ones, JSON is left as it is. */
const MAX_PRETTY = 1_000_000;

export function BodyText({
  body,
  encoding,
}: {
  body: string | null;
  encoding: "text" | "base64" | null;
}): VNode | null {
  const [all, setAll] = useState(false);
  if (body === null || body === "") return html`<p class="empty">No body is kept.</p>`;
  const text = encoding === "base64" ? body : plain(pretty(body));
  const cut = !all && text.length > SHOWN;
  return html`<div class="body">
    ${encoding === "base64" && html`<p class="quiet">It is no text; in base64:</p>`}
    <pre tabindex="0" role="region" aria-label="Body">${cut ? text.slice(0, SHOWN) : text}</pre>
    ${cut && html`<button type="button" onClick=${() => setAll(true)}>Show all ${bytes(text.length)}</button>`}
  </div>`;
}

function pretty(text: string): string {
  if (text.length > MAX_PRETTY || !/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

export function HeaderList({ headers }: { headers: readonly Header[] }): VNode {
  if (headers.length === 0) return html`<p class="empty">No headers.</p>`;
  return html`<dl class="headers">
    ${headers.map(({ name, value }, i) => html`<div key=${i}><dt>${plain(name)}</dt><dd>${plain(value)}</dd></div>`)}
  </dl>`;
}
