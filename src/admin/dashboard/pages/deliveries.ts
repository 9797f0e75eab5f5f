import type { VNode } from "preact";
import { html } from "../core/html.ts";
import { fieldsOf, filterOf, filterText, type Job } from "../core/jobs.ts";
import { now } from "../core/now.ts";
import { queryText } from "../core/router.ts";
import { JobFilters } from "../parts/job.filters.ts";
import { JobTable } from "../parts/job.table.ts";
import { More, useList } from "../parts/more.ts";
import { Empty, Loaded, Panel } from "../parts/panel.ts";

const MINUTE_MS = 60_000;

export function minuteNow(): number {
  return Math.floor(now() / MINUTE_MS) * MINUTE_MS;
}

/** What was accepted for later, whatever became of it. */
export function Deliveries({ query }: { query: URLSearchParams }): VNode {
  const filter = filterOf(query);
  const list = useList<Job>(`/deliveries${queryText({ ...fieldsOf(filter, minuteNow()), limit: 50 })}`, isJob, 5_000);
  const text = filterText(filter);
  return html`<div class="page">
    <div class="head"><h1 tabindex="-1">Deliveries</h1></div>
    <${Panel} title="Newest first" note=${text}>
      <${JobFilters} section="deliveries" filter=${filter} />
      <${Loaded} of=${list.first} what="list of deliveries" rows=${6}>
        ${() =>
          list.items.length === 0
            ? list.more
              ? html`<${Empty} title=${`None ${text} among the newest`} hint="Older ones are not looked through yet." /><${More} list=${list} />`
              : html`<${Empty} title=${text === "" ? "Nothing was accepted for later yet" : `None ${text}`} hint=${text === "" ? "Calls of routes with mode: async are stored here. Send one:" : "Fewer filters show more."} command=${text === "" ? "outrigger send APP CAPABILITY --data @body.json" : undefined} />`
            : html`<${JobTable} dead=${false} items=${list.items} /><${More} list=${list} />`}
      <//>
    <//>
  </div>`;
}

const isJob = ({ type }: { type: string }): boolean => /^(dlq|verification|route)/.test(type);
