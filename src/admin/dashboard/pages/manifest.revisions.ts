import type { VNode } from "preact";
import { type Change, changesOf } from "../core/diff.ts";
import { bytes, plain } from "../core/format.ts";
import { html } from "../core/html.ts";
import { useResource } from "../core/resource.ts";
import { toWith } from "../core/router.ts";
import { More, useList } from "../parts/more.ts";
import { Empty, Failed, Loaded, Panel } from "../parts/panel.ts";
import { type Column, Table } from "../parts/table.ts";
import { Time } from "../parts/time.ts";

interface Revision {
  readonly revision: number;
  readonly hash: string;
  readonly at: string;
  readonly by: string;
  readonly files: number;
  readonly bytes: number;
}

const COLUMNS: readonly Column<Revision>[] = [
  { name: "Revision", cell: ({ revision }) => html`<span class="name">${revision}</span>` },
  { name: "Applied", cell: ({ at }) => html`<${Time} at=${at} />` },
  { name: "By", cell: ({ by }) => by },
  { name: "Size", number: true, wide: true, cell: (one) => bytes(one.bytes) },
  { name: "Hash", wide: true, cell: ({ hash }) => html`<code>${hash.slice(0, 12)}</code>` },
  {
    name: "Changes",
    number: true,
    cell: ({ revision }) =>
      revision === 1
        ? html`<span class="quiet">the first</span>`
        : html`<a href=${toWith(["manifest"], { from: String(revision - 1), to: String(revision) })} aria-label=${`What revision ${revision} changed`}>what it changed</a>`,
  },
];

/** Every manifest that was applied, and what is different between two of them. */
export function Revisions({ query, newest }: { query: URLSearchParams; newest: number }): VNode {
  const list = useList<Revision>("/manifest/revisions?limit=20", ({ type }) => type === "manifest.applied");
  const [from, until] = [Number(query.get("from")), Number(query.get("to"))];
  const chosen = from > 0 && until > 0;
  return html`<${Panel} title="Revisions">
    <form class="filters" method="dialog" key=${`${from} ${until}`} onSubmit=${compare}>
      <label>From revision<input name="from" type="number" min="1" required value=${chosen ? from : Math.max(1, newest - 1)} /></label>
      <label>To revision<input name="to" type="number" min="1" required value=${chosen ? until : newest} /></label>
      <button type="submit">Compare</button>
    </form>
    ${chosen && html`<${Difference} key=${`${from} ${until}`} from=${from} until=${until} />`}
    <${Loaded} of=${list.first} what="list of revisions">
      ${() => html`<${Table} label="Revisions" columns=${COLUMNS} items=${list.items} keyOf=${({ revision }: Revision) => String(revision)} /><${More} list=${list} />`}
    <//>
  <//>`;
}

function compare(event: SubmitEvent): void {
  event.preventDefault();
  const form = new FormData(event.target as HTMLFormElement);
  location.hash = toWith(["manifest"], { from: String(form.get("from")), to: String(form.get("to")) });
}

/** Revisions never change. */
const NEVER_MS = 2 ** 31 - 1;

function Difference({ from, until }: { from: number; until: number }): VNode {
  const before = useResource<{ manifest: unknown }>(`/manifest/revisions/${from}`, undefined, NEVER_MS);
  const after = useResource<{ manifest: unknown }>(`/manifest/revisions/${until}`, undefined, NEVER_MS);
  const failure = before.failure ?? after.failure;
  if (failure) return html`<${Failed} failure=${failure} what="such revision, or no longer keeps it" />`;
  if (before.data === null || after.data === null) return html`<p class="empty" role="status">Comparing…</p>`;
  const changes = changesOf(before.data.manifest, after.data.manifest);
  const title = `From revision ${from} to ${until}`;
  if (changes.length === 0) return html`<${Empty} title=${`${title}: no value changed`} />`;
  return html`<section class="diff" aria-label=${title}>
    <h3 class="over">${title}</h3>
    <ul>
      ${changes.map(
        ({ path, before: was, after: is }: Change) => html`<li key=${path}>
          <code class="path">${path}</code>
          ${was !== null && html`<del><span class="sign" aria-label="was">−</span><code>${plain(was)}</code></del>`}
          ${is !== null && html`<ins><span class="sign" aria-label="is">+</span><code>${plain(is)}</code></ins>`}
        </li>`,
      )}
    </ul>
  </section>`;
}
