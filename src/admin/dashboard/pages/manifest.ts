import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { post } from "../core/api.ts";
import { amount } from "../core/format.ts";
import { html } from "../core/html.ts";
import { useResource } from "../core/resource.ts";
import { type Status, useStatus } from "../core/status.ts";
import { Act, askFirst } from "../parts/ask.ts";
import { Facts, Loaded, Panel } from "../parts/panel.ts";
import { Badge } from "../parts/status.ts";
import { Time } from "../parts/time.ts";
import { Tree } from "../parts/tree.ts";
import { Explain } from "./manifest.explain.ts";
import { Revisions } from "./manifest.revisions.ts";

interface Current {
  readonly warnings: readonly {
    readonly file: string;
    readonly line: number;
    readonly path: string;
    readonly message: string;
  }[];
  readonly manifest?: unknown;
}

/** It changes with a reload only. */
const SELDOM_MS = 600_000;

/** What the service was told to do, by whom, and what each change changed. */
export function ManifestPage({ query }: { query: URLSearchParams }): VNode {
  const status = useStatus();
  const revision = status.data?.manifest.revision;
  const rejected = status.data?.rejected;
  return html`<div class="page">
    <div class="head">
      <h1 tabindex="-1">Manifest</h1>
      <div class="actions"><${Act} label="Reload the file" onClick=${() => askReload(status.reload)} /></div>
    </div>
    ${
      rejected &&
      html`<section class="notice warn" aria-label="Refused">
      <p><${Badge} level="warn" text="Refused" /> The last reload, by ${rejected.by} <${Time} at=${rejected.at} />, had ${amount(rejected.count, "problem", "problems")}. The one before stays in force.</p>
      <ul class="problems">${rejected.problems.map((text) => html`<li key=${text}><code>${text}</code></li>`)}</ul>
    </section>`
    }
    <${Loaded} of=${status} what="manifest" rows=${2}>${(data: Status) => html`<${Running} current=${data.manifest} />`}<//>
    <${Explain} />
    <${Revisions} query=${query} newest=${revision ?? 0} />
  </div>`;
}

function Running({ current }: { current: Status["manifest"] }): VNode {
  const { revision, hash, applied_at: at, by, warnings } = current;
  const [open, setOpen] = useState(false);
  const toggle = (event: Event): void => setOpen((event.currentTarget as HTMLDetailsElement).open);
  return html`<${Panel} title="What runs">
    <${Facts} facts=${[
      ["Revision", String(revision)],
      ["Applied", html`<${Time} at=${at} />`],
      ["By", by],
      ["Hash", html`<code title=${hash}>${hash.slice(0, 12)}</code>`],
      ["Warnings", warnings === 0 ? "0" : html`<${Badge} level="warn" text=${String(warnings)} /> see below`],
    ]} />
    <details class="origins" open=${open} onToggle=${toggle}>
      <summary>Every value, all defaults filled${warnings > 0 && ", and the warnings"}</summary>
      ${open && html`<${Everything} revision=${revision} />`}
    </details>
  <//>`;
}

/** Asked for when somebody wants to see it: of ten thousand routes it is megabytes. */
function Everything({ revision }: { revision: number }): VNode {
  // Named by its revision, so that a reload brings the new one also without the stream.
  const current = useResource<Current>(`/manifest?at=${revision}`, undefined, SELDOM_MS);
  return html`<${Loaded} of=${current} what="manifest" rows=${5}>
    ${({ warnings, manifest }: Current) => html`
      ${
        warnings.length > 0 &&
        html`<ul class="problems">${warnings.map(({ file, line, path, message }) => html`<li key=${`${file}${line}${path}`}><code>${file}:${line} ${path}</code> ${message}</li>`)}</ul>`
      }
      <div class="block">${typeof manifest === "object" && manifest !== null && html`<${Tree} value=${manifest} />`}</div>
    `}
  <//>`;
}

function askReload(after: () => void): void {
  askFirst({
    title: "Reload the manifest?",
    body: html`<p>The file is read again and proved. If it is right it is in force at once, for new calls; if it is not, nothing changes and the problems are listed here.</p>
      <p>Look first: <code>outrigger check config/outrigger.yaml</code></p>`,
    action: "Reload",
    run: () => post<{ revision: number }>("/manifest/reload"),
    done: (value) => `Revision ${(value as { revision: number }).revision} is in force.`,
    after,
  });
}
