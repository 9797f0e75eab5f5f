import type { VNode } from "preact";
import type { AlertRules } from "../core/alerts.ts";
import { type Answer, del, put } from "../core/api.ts";
import { html } from "../core/html.ts";
import { Act, askFirst } from "../parts/ask.ts";

/** Putting other rules in place of the manifest's, and going back to those. */
export function RulesActions({ data, reload }: { data: AlertRules; reload: () => void }): VNode {
  const edit = html`<${Act} label="Edit…" name="Edit the rules of alerts" onClick=${() => askEdit(data, reload)} />`;
  if (data.source === "manifest") return edit;
  return html`${edit}<${Act} label="Back to the manifest's…" onClick=${() => askReset(reload)} />`;
}

function askEdit({ rules }: AlertRules, after: () => void): void {
  let text = JSON.stringify(rules, null, 2);
  askFirst({
    title: "Edit the rules of alerts",
    body: html`<p>As in <code>alerts.rules</code> of the manifest, in JSON. They are in force at once, in place of the manifest's, through reloads and restarts, until somebody goes back.</p>
      <label class="field">Rules
        <textarea class="code" rows="14" spellcheck=${false} onInput=${(event: Event) => (text = (event.target as HTMLTextAreaElement).value)}>${text}</textarea>
      </label>`,
    action: "Set these rules",
    run: () => setRules(text),
    done: "These rules are in force.",
    after,
  });
}

async function setRules(text: string): Promise<Answer<AlertRules>> {
  try {
    return await put<AlertRules>("/alerts/rules", { rules: JSON.parse(text) });
  } catch (error) {
    return { ok: false, failure: { status: 0, title: "No JSON", detail: String(error) } };
  }
}

function askReset(after: () => void): void {
  askFirst({
    title: "Go back to the manifest's rules?",
    body: html`<p>What was set here is gone. The manifest's are checked at once.</p>`,
    action: "Go back",
    run: () => del("/alerts/rules"),
    done: "The manifest's rules are in force.",
    after,
  });
}
