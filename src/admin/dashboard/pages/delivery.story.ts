import type { ComponentChildren, VNode } from "preact";
import { amount, bytes, duration, plain, words } from "../core/format.ts";
import { html } from "../core/html.ts";
import type { FullJob, Try } from "../core/jobs.ts";
import { BodyText, HeaderList } from "../parts/body.ts";
import { Panel } from "../parts/panel.ts";
import { type Level, levelOf, Shape, StateBadge } from "../parts/status.ts";
import { Time } from "../parts/time.ts";

/** What happened to a delivery, in order. */
export function Story({ job }: { job: FullJob }): VNode {
  return html`<${Panel} title="What happened" note=${amount(job.tries.length, "try is kept", "tries are kept")}>
    <ol class="story">
      <${Step} level="idle" at=${job.at} title="Accepted">
        ${bytes(job.size)} from ${job.request?.peer ?? "a caller"}, answered 202 once it was on disk.
      <//>
      ${job.tries.map((one) => html`<${TryStep} key=${`${one.n} ${one.at}`} one=${one} />`)}
      ${job.verification && html`<${Verifying} of=${job.verification} />`}
      <${End} job=${job} />
    </ol>
  <//>`;
}

function Step(props: {
  level: Level;
  at: string | null;
  title: ComponentChildren;
  children?: ComponentChildren;
}): VNode {
  return html`<li>
    <${Shape} level=${props.level} />
    <div>
      <p><strong>${props.title}</strong> <span class="quiet"><${Time} at=${props.at} /></span></p>
      <div class="quiet">${props.children}</div>
    </div>
  </li>`;
}

function TryStep({ one }: { one: Try }): VNode {
  const { n, upstream, worth, status, reason, detail, headers } = one;
  const said = status > 0 ? `answered ${status}` : words(reason ?? "no answer");
  return html`<${Step} level=${levelOf(worth)} at=${one.at} title=${`Send ${n + 1} to ${upstream}: ${said}`}>
    <p><${StateBadge} state=${worth} /> in ${duration(one.duration_ms)}${reason && status > 0 && `, ${words(reason)}`}</p>
    ${detail && html`<p>${plain(detail)}</p>`}
    ${
      (headers ?? one.body) !== null &&
      html`<details>
      <summary>The app's answer${one.body_bytes !== null && `, ${bytes(one.body_bytes)}`}</summary>
      ${headers && html`<${HeaderList} headers=${headers} />`} <${BodyText} body=${one.body} encoding=${one.body_encoding} />
    </details>`
    }
  <//>`;
}

function Verifying({ of }: { of: NonNullable<FullJob["verification"]> }): VNode {
  return html`<${Step} level="idle" at=${of.since} title="Being verified">
    ${of.upstream} was asked ${amount(of.polls, "time", "times")}${of.path && html` at <code>${plain(of.path)}</code>`}, until <${Time} at=${of.until} />.
    ${of.last && html` It said last: <code>${plain(of.last)}</code>`}
  <//>`;
}

function End({ job }: { job: FullJob }): VNode {
  const { state, due_at: due, ended_at: ended, detail } = job;
  if (state === "queued")
    return html`<${Step} level="idle" at=${due} title=${job.sends === 0 ? "Waits for its first send" : "Waits for the next send"} />`;
  if (state === "leased") return html`<${Step} level="idle" at=${null} title="Is being sent now" />`;
  if (state === "verifying") return html`<${Step} level="idle" at=${due} title="Waits to be asked about" />`;
  const title = state === "delivered" ? "Delivered" : state === "dead" ? "Moved to the dead letters" : "Cancelled";
  return html`<${Step} level=${levelOf(state)} at=${ended} title=${title}>${detail && plain(detail)}<//>`;
}
