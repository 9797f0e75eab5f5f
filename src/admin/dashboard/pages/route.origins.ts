import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { type Answer, post } from "../core/api.ts";
import { html } from "../core/html.ts";
import type { RouteInfo } from "../core/routes.ts";
import { Failed } from "../parts/panel.ts";
import { type Explained, Values } from "../parts/values.ts";

/** Every value of a route, asked for when somebody wants to know. */
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
    ${answer?.ok && html`<${Values} explained=${answer.value} />`}
    ${answer && !answer.ok && html`<${Failed} failure=${answer.failure} what="explanation of this route" />`}
  </details>`;
}
