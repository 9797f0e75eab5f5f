import type { VNode } from "preact";
import { html } from "./core/html.ts";
import { AlertsPage } from "./pages/alerts.ts";
import { AppPage } from "./pages/app.ts";
import { AuditPage } from "./pages/audit.ts";
import { Deliveries } from "./pages/deliveries.ts";
import { DeliveryPage } from "./pages/delivery.ts";
import { DeadLetters } from "./pages/dlq.ts";
import { ManifestPage } from "./pages/manifest.ts";
import { NotificationPage } from "./pages/notification.ts";
import { Overview } from "./pages/overview.ts";
import { RoutePage } from "./pages/route.ts";

/** Which page a place is. */
export interface Page {
  readonly title: string;
  /** Its entry among the pages at the top. */
  readonly section: string;
  readonly view: VNode;
}

export function pageOf(segments: readonly string[], query: URLSearchParams): Page {
  const [section = "", first, second] = segments;
  if (section === "") return { title: "Overview", section, view: html`<${Overview} />` };
  if (section === "apps" && first !== undefined)
    return { title: first, section: "", view: html`<${AppPage} key=${first} app=${first} />` };
  if (section === "routes" && first !== undefined && second !== undefined)
    return { title: `${first}/${second}`, section: "", view: html`<${RoutePage} app=${first} capability=${second} />` };
  if (section === "deliveries" && first !== undefined)
    return { title: `Delivery ${first}`, section, view: html`<${DeliveryPage} key=${first} id=${first} />` };
  if (section === "deliveries") return { title: "Deliveries", section, view: html`<${Deliveries} query=${query} />` };
  if (section === "dlq") return { title: "Dead letters", section, view: html`<${DeadLetters} query=${query} />` };
  if (section === "notifications" && first !== undefined)
    return { title: "Notification", section: "alerts", view: html`<${NotificationPage} key=${first} id=${first} />` };
  if (section === "alerts" || section === "notifications")
    return { title: "Alerts", section: "alerts", view: html`<${AlertsPage} query=${query} />` };
  if (section === "manifest") return { title: "Manifest", section, view: html`<${ManifestPage} query=${query} />` };
  if (section === "audit") return { title: "Audit", section, view: html`<${AuditPage} />` };
  return { title: "Nothing here", section: "none", view: html`<${Nowhere} />` };
}

function Nowhere(): VNode {
  return html`<div class="page"><h1 tabindex="-1">Nothing here</h1><p>There is no such page. <a href="#/">To the overview</a></p></div>`;
}
