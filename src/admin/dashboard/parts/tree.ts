import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { isBranch } from "../core/diff.ts";
import { amount, plain } from "../core/format.ts";
import { html } from "../core/html.ts";

/** Drawn at once; a manifest may have ten thousand routes. */
const SHOWN = 200;

/** JSON that opens branch by branch: what is closed is not drawn. */
export function Tree({ value, depth = 0 }: { value: object; depth?: number }): VNode {
  const [shown, setShown] = useState(SHOWN);
  const entries = Object.entries(value);
  return html`<ul class="tree">
    ${entries.slice(0, shown).map(([name, item]) => html`<li key=${name}><${Entry} name=${name} value=${item} depth=${depth} /></li>`)}
    ${entries.length > shown && html`<li><button type="button" onClick=${() => setShown(shown + SHOWN)}>${amount(entries.length - shown, "more", "more")}</button></li>`}
  </ul>`;
}

function Entry({ name, value, depth }: { name: string; value: unknown; depth: number }): VNode {
  const [open, setOpen] = useState(false);
  if (!isBranch(value) || Object.keys(value).length === 0)
    return html`<span class="key">${plain(name)}</span> <code>${plain(JSON.stringify(value))}</code>`;
  const size = Object.keys(value).length;
  return html`<details open=${open} onToggle=${(event: Event) => setOpen((event.currentTarget as HTMLDetailsElement).open)}>
    <summary><span class="key">${plain(name)}</span> <span class="quiet">${amount(size, "entry", "entries")}</span></summary>
    ${open && html`<${Tree} value=${value} depth=${depth + 1} />`}
  </details>`;
}
