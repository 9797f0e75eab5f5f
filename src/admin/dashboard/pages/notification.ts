import type { VNode } from "preact";
import type { Notification } from "../core/alerts.ts";
import { subjectHref } from "../core/alerts.ts";
import { html } from "../core/html.ts";
import { useResource } from "../core/resource.ts";
import { apiPath, to } from "../core/router.ts";
import { Loaded, Panel } from "../parts/panel.ts";
import { Item } from "./notifications.ts";

/** One notification: where the link in a mail or a chat leads. */
export function NotificationPage({ id }: { id: string }): VNode {
  const found = useResource<Notification>(apiPath("notifications", id));
  return html`<div class="page">
    <div class="head"><h1 tabindex="-1">Notification</h1></div>
    <${Panel} title="What was told">
      <${Loaded} of=${found} what="such notification">
        ${(one: Notification) => {
          const href = subjectHref(one);
          return html`<ul class="incidents"><${Item} one=${one} after=${found.reload} whole /></ul>
            <p class="more">
              ${href && html`<a class="button" href=${href}>${one.capability === null ? `Look at ${one.app}` : `Look at ${one.app}/${one.capability}`}</a>`}
              <a class="button" href=${to("alerts")}>Alerts and all notifications</a>
            </p>`;
        }}
      <//>
    <//>
  </div>`;
}
