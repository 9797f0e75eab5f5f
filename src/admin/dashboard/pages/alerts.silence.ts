import type { VNode } from "preact";
import { type Alert, subjectText } from "../core/alerts.ts";
import { post } from "../core/api.ts";
import { html } from "../core/html.ts";
import { apiPath } from "../core/router.ts";
import { Act, askFirst } from "../parts/ask.ts";

const SPANS = [
  ["1h", "1 hour"],
  ["4h", "4 hours"],
  ["1d", "1 day"],
  ["7d", "1 week"],
] as const;

/** Saying nothing of an alert for a while, and speaking of it again. */
export function SilenceActions({ alert, reload }: { alert: Alert; reload: () => void }): VNode | null {
  const name = `${alert.rule} of ${subjectText(alert)}`;
  if (alert.silence !== null)
    return html`<${Act} label="Unsilence" name=${`Unsilence ${name}`} onClick=${() => askUnsilence(alert, name, reload)} />`;
  if (alert.state === "resolved") return null;
  return html`<${Act} label="Silence…" name=${`Silence ${name}`} onClick=${() => askSilence(alert, name, reload)} />`;
}

function askSilence({ id }: Alert, name: string, after: () => void): void {
  let span: string = SPANS[0][0];
  let reason = "";
  askFirst({
    title: `Silence ${name}?`,
    body: html`<p>Nobody is told that it fires or is over. It is shown here all the same.</p>
      <label class="field">For
        <select onChange=${(event: Event) => (span = (event.target as HTMLSelectElement).value)}>
          ${SPANS.map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}
        </select>
      </label>
      <label class="field">Reason, for the others
        <input maxlength="500" onInput=${(event: Event) => (reason = (event.target as HTMLInputElement).value.trim())} />
      </label>`,
    action: "Silence",
    run: () => post(`${apiPath("alerts", id)}/silence`, { for: span, ...(reason !== "" && { reason }) }),
    done: `${name} is silenced.`,
    after,
  });
}

function askUnsilence({ id }: Alert, name: string, after: () => void): void {
  askFirst({
    title: `Speak of ${name} again?`,
    body: html`<p>If it still fires, people are told with one of the next checks.</p>`,
    action: "Unsilence",
    run: () => post(`${apiPath("alerts", id)}/unsilence`),
    done: `${name} is spoken of again.`,
    after,
  });
}
