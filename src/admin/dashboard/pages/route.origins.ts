import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { type Answer, post } from "../core/api.ts";
import { html } from "../core/html.ts";
import type { RouteInfo } from "../core/routes.ts";
import { Failed } from "../parts/panel.ts";
import { type Column, Table } from "../parts/table.ts";

interface Explained {
  readonly values: readonly Value[];
}
interface Value {
  readonly path: string;
  readonly value?: unknown;
  readonly origin: string;
}

const COLUMNS: readonly Column<Value>[] = [
  { name: "Value", cell: ({ path }) => html`<code>${path}</code>` },
  { name: "Is", grow: true, cell: ({ value }) => html`<code>${JSON.stringify(value)}</code>` },
  { name: "Set by", cell: ({ origin }) => origin },
];

/** Every value of a route, and which line of the manifest, or which default, it comes from. */
export function Origins({ route }: { route: RouteInfo }): VNode {
  const [answer, setAnswer] = useState<Answer<Explained> | null>(null);
  const { match } = route;
  const open = async (event: Event): Promise<void> => {
    if (!(event.target as HTMLDetailsElement).open) return;
    const headers = { ...match.headers, ...(match.host && { Host: match.host }) };
    // A pattern's own text stands for what it matches, but for its signs.
    const path = match.path.replaceAll(/[{}:*]/g, "");
    setAnswer(await post<Explained>("/explain", { method: match.methods?.[0] ?? "POST", path, headers }));
  };
  return html`<details class="origins" onToggle=${open}>
    <summary>Every value, and where it was set</summary>
    ${answer === null && html`<p class="empty">Asking…</p>`}
    ${answer?.ok && html`<${Table} label="Values" columns=${COLUMNS} items=${answer.value.values} keyOf=${({ path }: Value) => path} />`}
    ${answer && !answer.ok && html`<${Failed} failure=${answer.failure} what="explanation of this route" />`}
  </details>`;
}
