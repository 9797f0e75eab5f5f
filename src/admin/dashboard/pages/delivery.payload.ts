import type { VNode } from "preact";
import { session } from "../core/api.ts";
import { plain } from "../core/format.ts";
import { html } from "../core/html.ts";
import type { FullJob } from "../core/jobs.ts";
import { useStore } from "../core/store.ts";
import { BodyText, HeaderList } from "../parts/body.ts";
import { Facts, Panel } from "../parts/panel.ts";

/** The request as it came. Whatever is in it is shown as text. */
export function Payload({ job }: { job: FullJob }): VNode {
  const { request } = job;
  const operator = useStore(session)?.role === "operator";
  if (request === null)
    return html`<${Panel} title="Request"><p class="empty">Its payload was let go of, to make room.</p><//>`;
  return html`<${Panel} title="Request" note="Secrets are ***">
    <${Facts} facts=${[
      ["Request line", html`<code>${plain(`${request.method} ${request.target} HTTP/${request.http_version}`)}</code>`],
      ["Forwarded rest", html`<code>${plain(request.rest) || "–"}</code>`],
      ["Host", html`<code>${plain(request.host)}</code>`],
      ["From", `${request.peer}${request.secure ? " over TLS" : ""}`],
    ]} />
    <h3 class="over">Headers</h3>
    <${HeaderList} headers=${request.headers} />
    <h3 class="over">Body</h3>
    ${
      operator
        ? html`<${BodyText} body=${job.body} encoding=${job.body_encoding} />`
        : html`<p class="empty">Payloads are for operators; this token may only read.</p>`
    }
  <//>`;
}
