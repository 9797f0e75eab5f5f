import type { VNode } from "preact";
import type { Notification } from "../core/alerts.ts";
import { post } from "../core/api.ts";
import { plain, words } from "../core/format.ts";
import { html } from "../core/html.ts";
import { apiPath, to, toWith } from "../core/router.ts";
import { Act } from "../parts/ask.ts";
import { More, useList } from "../parts/more.ts";
import { Empty, Loaded, Panel } from "../parts/panel.ts";
import { Badge, type Level, levelOf, Shape } from "../parts/status.ts";
import { Time } from "../parts/time.ts";
import { say } from "../parts/toast.ts";

/** What people were to be told, and whether they were. */
export function Notifications({ query }: { query: URLSearchParams }): VNode {
  const unread = query.get("unread") === "true";
  const list = useList<Notification>(`/notifications?limit=10${unread ? "&unread=true" : ""}`, always);
  const choice = unread
    ? html`<a class="button" href=${toWith(["alerts"], {})}>Show all</a>`
    : html`<a class="button" href=${toWith(["alerts"], { unread: "true" })}>Show unread</a>`;
  return html`<${Panel} title="Notifications" note=${unread ? "Unread" : "Newest first"} actions=${choice}>
    <${Loaded} of=${list.first} what="notifications">
      ${() =>
        list.items.length === 0
          ? html`<${Empty} title=${unread ? "All are read" : "Nobody was to be told anything yet"} hint=${unread ? undefined : "Channels and rules are set under notify of the manifest."} />`
          : html`<ul class="incidents">
              ${list.items.map((one) => html`<${Item} key=${one.id} one=${one} after=${list.first.reload} />`)}
            </ul><${More} list=${list} />`}
    <//>
  <//>`;
}

const always = (): boolean => true;

const STATES: Readonly<Record<string, Level>> = { sent: "good", waiting: "idle", failed: "bad", dropped: "warn" };

async function markRead(id: string, after: () => void): Promise<void> {
  const answer = await post(`${apiPath("notifications", id)}/read`);
  say(answer.ok ? "Marked as read." : answer.failure.title);
  after();
}

export function Item({ one, after, whole }: { one: Notification; after: () => void; whole?: boolean }): VNode {
  const { id, severity, title, text, command, at, read_at: readAt, read_by: readBy, deliveries } = one;
  const name = html`<strong>${plain(title)}</strong>`;
  return html`<li>
    <${Shape} level=${severity === "good" ? "good" : levelOf(severity)} />
    <div>
      <p>${whole ? name : html`<a href=${to("notifications", id)}>${name}</a>`} <span class="quiet">${severity}, <${Time} at=${at} /></span></p>
      <p>${plain(text)}</p>
      ${command && html`<p><code>${plain(command)}</code></p>`}
      <p>
        ${deliveries.map(
          ({ channel, state, detail }) => html`<span key=${channel}>
            <${Badge} level=${STATES[state] ?? "idle"} text=${`${channel}: ${words(state)}`} />
            ${detail && state !== "sent" && html` <span class="quiet">${plain(detail)}</span>`}${" "}
          </span>`,
        )}
        ${readAt && html`<span class="quiet">read by ${readBy ?? "somebody"}, <${Time} at=${readAt} /></span>`}
      </p>
    </div>
    ${readAt === null && html`<${Act} label="Mark as read" name=${`Mark as read: ${title}`} onClick=${() => void markRead(id, after)} />`}
  </li>`;
}
