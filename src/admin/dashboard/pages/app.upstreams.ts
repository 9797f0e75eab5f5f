import type { ComponentChildren, VNode } from "preact";
import { post } from "../core/api.ts";
import { duration, percent } from "../core/format.ts";
import { type AppHealth, causeText, NOBODY_CALLED, type UpstreamHealth } from "../core/health.ts";
import { html } from "../core/html.ts";
import { apiPath } from "../core/router.ts";
import { Act, askFirst } from "../parts/ask.ts";
import { Panel } from "../parts/panel.ts";
import { Badge, StateBadge } from "../parts/status.ts";
import { type Column, Table } from "../parts/table.ts";
import { Time } from "../parts/time.ts";

/** The upstreams of an app, and the switch between them. */
export function Upstreams({ health, reload }: { health: AppHealth; reload: () => void }): VNode {
  const { app, pinned, panic, active, upstreams } = health;
  const several = upstreams.length > 1;
  const release =
    pinned && html`<${Act} label="Release" name=${`Release ${app}`} onClick=${() => askRelease(health, reload)} />`;
  const note = pinned
    ? html`Pinned to <strong>${pinned.upstream}</strong> by ${pinned.by}, <${Time} at=${pinned.at} />`
    : several
      ? "Health chooses which one serves"
      : "One upstream: there is nowhere to switch to";
  const columns: Column<UpstreamHealth>[] = [
    { name: "Upstream", cell: nameCell },
    { name: "Serves", cell: servesCell },
    { name: "Health", cell: healthCell },
    { name: "Last check", wide: true, grow: true, cell: checkCell },
    { name: "Last failed call", wide: true, grow: true, cell: failureCell },
    { name: "Live success", number: true, wide: true, cell: (one) => percent(one.success_rate) },
    { name: "Response", number: true, wide: true, cell: (one) => duration(one.response_ms) },
    ...(several
      ? [{ name: "Switch", number: true, cell: (one: UpstreamHealth) => switchCell(health, one, reload) }]
      : []),
  ];
  return html`<${Panel} title="Upstreams" note=${note} actions=${release}>
    ${
      (panic || active === null) &&
      html`<p class="strip bad"><${Badge} level="bad" text="No upstream is well" /> ${panic ? "Requests are tried all the same." : `Nobody is called: ${NOBODY_CALLED}.`}</p>`
    }
    <${Table} label="Upstreams" columns=${columns} items=${upstreams} keyOf=${(one: UpstreamHealth) => one.upstream} />
  <//>`;
}

function nameCell({ upstream, url, priority }: UpstreamHealth): ComponentChildren {
  return html`<span class="name">${upstream}</span> <span class="tag">priority ${priority}</span><br /><code class="quiet">${url}</code>`;
}

function servesCell({ active, standing, since, returns_at: returns }: UpstreamHealth): ComponentChildren {
  if (active)
    return html`<${Badge} level="good" text="has the traffic" /><br /><span class="quiet"><${Time} at=${since} /></span>`;
  if (standing === "serving") return html`<${Badge} level="idle" text="stands by" />`;
  return html`<${StateBadge} state=${standing} /><br /><span class="quiet">
    ${returns ? html`back <${Time} at=${returns} /> if well` : html`since <${Time} at=${since} />`}
  </span>`;
}

function healthCell({ status, cause, consecutive_failures: failures }: UpstreamHealth): ComponentChildren {
  const why = [cause && causeText(cause), failures > 0 && `${failures} failures in a row`].filter(Boolean).join(", ");
  return html`<${StateBadge} state=${status} />${why && html`<br /><span class="quiet">${why}</span>`}`;
}

function checkCell({ last_check: check }: UpstreamHealth): ComponentChildren {
  if (check === null) return html`<span class="quiet">none yet</span>`;
  const what = check.answered ? `status ${check.http_status}` : (check.reason ?? "no answer");
  return html`<${Time} at=${check.at} />: ${what} in ${duration(check.duration_ms)}${check.detail && html`<br /><span class="quiet">${check.detail}</span>`}`;
}

function failureCell({ last_failure: failure }: UpstreamHealth): ComponentChildren {
  if (failure === null) return html`<span class="quiet">none</span>`;
  const { at, reason, http_status: status, detail } = failure;
  const what = status > 0 ? `status ${status}` : (reason ?? "failed");
  return html`<${Time} at=${at} />: ${what}${detail && html`<br /><span class="quiet">${detail}</span>`}`;
}

function switchCell(health: AppHealth, one: UpstreamHealth, reload: () => void): ComponentChildren {
  if (health.pinned?.upstream === one.upstream) return html`<span class="tag">pinned</span>`;
  const label = one.active ? "Pin here" : "Switch here";
  return html`<${Act} label=${label} name=${`${label}: ${one.upstream}`} onClick=${() => askSwitch(health, one, reload)} />`;
}

function askSwitch({ app, active }: AppHealth, one: UpstreamHealth, reload: () => void): void {
  const { upstream, url, status, standing } = one;
  askFirst({
    title: `Switch ${app} to ${upstream}?`,
    body: html`<p>From now on all calls and deliveries of <strong>${app}</strong> go to <strong>${upstream}</strong> (<code>${url}</code>)${active !== null && active !== upstream && html` instead of <strong>${active}</strong>`}, until you release it. Calls under way are answered where they were sent.</p>
      <p>${upstream} is <${StateBadge} state=${status} />${standing !== "serving" && html` and was taken out: check that it is well again.`}</p>`,
    action: `Switch to ${upstream}`,
    danger: status === "unhealthy",
    run: () => post(`${apiPath("failover", app)}/switch`, { to: upstream }),
    done: `${app} is on ${upstream} until it is released.`,
    after: reload,
  });
}

function askRelease({ app, pinned }: AppHealth, reload: () => void): void {
  askFirst({
    title: `Release ${app}?`,
    body: html`<p>Its health chooses again which upstream serves; ${pinned?.upstream} is no longer held to. The traffic may move at once.</p>`,
    action: "Release",
    run: () => post(`${apiPath("failover", app)}/release`),
    done: `Health chooses the upstream of ${app} again.`,
    after: reload,
  });
}
