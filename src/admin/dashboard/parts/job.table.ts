import type { ComponentChildren, VNode } from "preact";
import { count, plain, words } from "../core/format.ts";
import { html } from "../core/html.ts";
import type { Job } from "../core/jobs.ts";
import { to } from "../core/router.ts";
import { StateBadge } from "./status.ts";
import { type Column, Table } from "./table.ts";
import { Time } from "./time.ts";

const COMMON: readonly Column<Job>[] = [
  {
    name: "Delivery",
    cell: ({ id }) => html`<a href=${to("deliveries", id)} title=${id}><code>…${id.slice(-12)}</code></a>`,
  },
  {
    name: "Route",
    cell: ({ app, capability }) => html`<a href=${to("routes", app, capability)}>${app}/${capability}</a>`,
  },
  { name: "Accepted", wide: true, cell: ({ at }) => html`<${Time} at=${at} />` },
];

const DELIVERIES: readonly Column<Job>[] = [
  ...COMMON,
  { name: "State", cell: ({ state }) => html`<${StateBadge} state=${state} />` },
  { name: "Next", cell: nextCell },
  { name: "Why", grow: true, wide: true, cell: whyCell },
  { name: "Sends", number: true, cell: ({ sends }) => count(sends) },
];

const DEAD: readonly Column<Job>[] = [
  ...COMMON,
  { name: "Dead", cell: ({ ended_at: at }) => html`<${Time} at=${at} />` },
  { name: "Why", grow: true, cell: whyCell },
  { name: "Sends", number: true, cell: ({ sends }) => count(sends) },
];

function nextCell({ due_at: due, ended_at: ended }: Job): ComponentChildren {
  if (due !== null) return html`due <${Time} at=${due} />`;
  return ended === null ? html`<span class="quiet">–</span>` : html`ended <${Time} at=${ended} />`;
}

function whyCell({ reason, detail }: Job): ComponentChildren {
  if (reason === null && detail === null) return html`<span class="quiet">–</span>`;
  return html`${reason && html`<strong>${words(reason)}</strong>`} ${detail && html`<span class="quiet">${plain(detail)}</span>`}`;
}

/** Deliveries, each in a line. `act` is one more cell for what can be done to it. */
export function JobTable(props: {
  dead: boolean;
  items: readonly Job[];
  act?: (job: Job) => ComponentChildren;
}): VNode {
  const { dead, items, act } = props;
  const columns = [...(dead ? DEAD : DELIVERIES), ...(act ? [{ name: "Act", number: true, cell: act }] : [])];
  return html`<${Table} label=${dead ? "Dead letters" : "Deliveries"} columns=${columns} items=${items} keyOf=${({ id }: Job) => id} />`;
}
