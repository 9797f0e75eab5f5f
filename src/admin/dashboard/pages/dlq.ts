import type { VNode } from "preact";
import { post } from "../core/api.ts";
import { html } from "../core/html.ts";
import { fieldsOf, filterOf, filterText, type Job } from "../core/jobs.ts";
import { apiPath, queryText } from "../core/router.ts";
import { useStatus } from "../core/status.ts";
import { Act, askFirst } from "../parts/ask.ts";
import { JobFilters } from "../parts/job.filters.ts";
import { JobTable } from "../parts/job.table.ts";
import { More, useList } from "../parts/more.ts";
import { Empty, Loaded, Panel } from "../parts/panel.ts";
import { minuteNow } from "./deliveries.ts";
import { askBulk } from "./dlq.bulk.ts";

/** What never arrived, or was cancelled: kept until somebody acts. */
export function DeadLetters({ query }: { query: URLSearchParams }): VNode {
  const filter = filterOf(query);
  const fields = fieldsOf(filter, minuteNow());
  const list = useList<Job>(`/dlq${queryText({ ...fields, limit: 50 })}`, isDead);
  const dead = useStatus().data?.spool?.states.dead;
  const text = filterText(filter);
  const any = list.items.length > 0;
  const bulk = (verb: "retry" | "delete"): void => void askBulk(verb, fields, text, list.first.reload);
  const all = text === "" ? "all" : "these";
  const actions =
    any &&
    html`<${Act} label=${`Retry ${all}…`} onClick=${() => bulk("retry")} /><${Act} label=${`Delete ${all}…`} danger onClick=${() => bulk("delete")} />`;
  const retry = ({ id, app, capability }: Job): VNode =>
    html`<${Act} label="Retry" name=${`Retry ${id}`} onClick=${() => askRetry(id, `${app}/${capability}`, list.first.reload)} />`;
  return html`<div class="page">
    <div class="head"><h1 tabindex="-1">Dead letters</h1>${dead !== undefined && html`<span class="tag">${dead} dead in all</span>`}</div>
    <${Panel} title="Newest first" note=${text} actions=${actions}>
      <${JobFilters} section="dlq" filter=${filter} />
      <${Loaded} of=${list.first} what="dead-letter queue" rows=${6}>
        ${() =>
          any
            ? html`<${JobTable} dead items=${list.items} act=${retry} /><${More} list=${list} />`
            : list.more
              ? html`<${Empty} title=${`None ${text} among the newest`} hint="Older ones are not looked through yet." /><${More} list=${list} />`
              : html`<${Empty} title=${text === "" ? "No dead letters" : `None ${text}`} hint=${text === "" ? "Everything that was accepted has arrived, or is on its way." : "Fewer filters show more."} />`}
      <//>
    <//>
    <p class="quiet">To take them elsewhere: <code>outrigger dlq export > dead.ndjson</code></p>
  </div>`;
}

const isDead = ({ type }: { type: string }): boolean => type.startsWith("dlq");

export function askRetry(id: string, route: string, after: () => void): void {
  askFirst({
    title: "Retry this delivery?",
    body: html`<p>It is queued for <strong>${route}</strong> again with a fresh budget of attempts. The app gets the same bytes and the same <code>webhook-id</code>; it may have seen them before.</p>
      <p><code>${id}</code></p>`,
    action: "Retry",
    run: () => post(`${apiPath("dlq", id)}/retry`),
    done: "Queued again.",
    after,
  });
}
