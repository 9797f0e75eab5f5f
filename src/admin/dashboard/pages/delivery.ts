import type { ComponentChildren, VNode } from "preact";
import { del, post } from "../core/api.ts";
import { bytes, count, duration, plain, words } from "../core/format.ts";
import { html } from "../core/html.ts";
import { type FullJob, isOver } from "../core/jobs.ts";
import { useResource } from "../core/resource.ts";
import { apiPath, go, to, toWith } from "../core/router.ts";
import { Act, askFirst } from "../parts/ask.ts";
import { Facts, Loaded, Panel } from "../parts/panel.ts";
import { StateBadge } from "../parts/status.ts";
import { Time } from "../parts/time.ts";
import { Payload } from "./delivery.payload.ts";
import { Story } from "./delivery.story.ts";
import { askRetry } from "./dlq.ts";

/** All that is kept of one delivery: what came, every send of it, and how it ended. */
export function DeliveryPage({ id }: { id: string }): VNode {
  const job = useResource<FullJob>(apiPath("deliveries", id), (event) => event.id === id, 3_000);
  return html`<div class="page">
    <div class="head">
      <p class="crumbs"><a href="#/deliveries">Deliveries</a> / delivery</p>
      <h1 tabindex="-1" class="mono id">${id}</h1>
      ${job.data && html`<${StateBadge} state=${job.data.state} />`}
      <div class="actions">${job.data && html`<${Actions} job=${job.data} reload=${job.reload} />`}</div>
    </div>
    <${Loaded} of=${job} what="delivery of this id: it may have been let go of, to make room" rows=${6}>
      ${(data: FullJob) => html`<div class="page"><${Summary} job=${data} /><${Story} job=${data} /><${Payload} job=${data} /></div>`}
    <//>
  </div>`;
}

function Summary({ job }: { job: FullJob }): VNode {
  const { app, capability, request_id: requestId, reason, detail } = job;
  const facts: [string, ComponentChildren][] = [
    ["Route", html`<a href=${to("routes", app, capability)}>${app}/${capability}</a>`],
    ["Accepted", html`<${Time} at=${job.at} />`],
    [isOver(job) ? "Ended" : "Next send", html`<${Time} at=${job.ended_at ?? job.due_at} />`],
    ["Took", job.ended_at === null ? "–" : duration(Date.parse(job.ended_at) - Date.parse(job.at))],
    ["Attempts that count", count(job.attempts)],
    ["Sends", count(job.sends)],
    ["Came as", job.origin],
    ["Body", bytes(job.size)],
    ...(isOver(job) ? [] : [["Given up", html`<${Time} at=${job.expires_at} />`] as [string, VNode]]),
    ["Request id", html`<a href=${toWith(["deliveries"], { request_id: requestId })}><code>${requestId}</code></a>`],
    ...(job.order_key === null ? [] : [["Order key", html`<code>${plain(job.order_key)}</code>`] as [string, VNode]]),
  ];
  return html`<${Panel} title="Delivery">
    ${reason && html`<p class="strip bad"><strong>${words(reason)}.</strong> ${plain(detail ?? "")}</p>`}
    ${job.in_doubt && html`<p class="strip warn"><strong>In doubt.</strong> A send was written and never answered: the app may have it already.</p>`}
    <${Facts} facts=${facts} />
  <//>`;
}

function Actions({ job, reload }: { job: FullJob; reload: () => void }): VNode {
  const { id, app, capability, state } = job;
  const route = `${app}/${capability}`;
  if (state === "dead" || state === "cancelled")
    return html`<${Act} label="Retry" onClick=${() => askRetry(id, route, reload)} /><${Act} label="Delete" danger onClick=${() => askDelete(id)} />`;
  if (state === "delivered") return html`<${Act} label="Send again" onClick=${() => askResend(id, route, reload)} />`;
  return html`<${Act} label="Cancel" danger onClick=${() => askCancel(id, route, reload)} />`;
}

function askDelete(id: string): void {
  askFirst({
    title: "Delete this dead letter?",
    body: html`<p>Its payload is gone for good. <code>${id}</code></p>`,
    action: "Delete",
    danger: true,
    run: async () => {
      const answer = await del(apiPath("dlq", id));
      if (answer.ok) go("#/dlq");
      return answer;
    },
    done: "Deleted.",
  });
}

function askResend(id: string, route: string, after: () => void): void {
  askFirst({
    title: "Send this delivery again?",
    body: html`<p><strong>${route}</strong> has had it and answered well. It gets the same bytes and the same <code>webhook-id</code> once more.</p>`,
    action: "Send again",
    run: () => post(`${apiPath("deliveries", id)}/resend`),
    done: "Queued again.",
    after,
  });
}

function askCancel(id: string, route: string, after: () => void): void {
  askFirst({
    title: "Cancel this delivery?",
    body: html`<p>It is not sent to <strong>${route}</strong> any more and goes to the dead letters. A send that is under way may still arrive.</p>`,
    action: "Cancel the delivery",
    danger: true,
    run: () => post(`${apiPath("deliveries", id)}/cancel`),
    done: "Cancelled.",
    after,
  });
}
