import type { VNode } from "preact";
import { words } from "../core/format.ts";
import { html } from "../core/html.ts";
import { AGE_WORDS, type JobFilter, REASONS, STATES } from "../core/jobs.ts";
import { go, toWith } from "../core/router.ts";

/** The filters of a list of deliveries. They are part of the page's address, so that a list can be sent to somebody. */
export function JobFilters({ section, filter }: { section: "deliveries" | "dlq"; filter: JobFilter }): VNode {
  const apply = (event: Event): void => {
    event.preventDefault();
    const form = (event.target as HTMLElement).closest("form");
    if (form === null) return;
    const fields = [...new FormData(form)].map(([name, value]) => [name, String(value).trim()]);
    go(toWith([section], Object.fromEntries(fields)));
  };
  const text = (name: string, label: string): VNode => html`<label>
    ${label}<input name=${name} value=${filter[name] ?? ""} spellcheck=${false} autocomplete="off" />
  </label>`;
  const choice = (name: string, label: string, all: string, options: readonly (readonly [string, string])[]): VNode =>
    html`<label>
      ${label}
      <select name=${name} value=${filter[name] ?? ""} onChange=${apply}>
        <option value="">${all}</option>
        ${options.map(([value, shown]) => html`<option key=${value} value=${value}>${shown}</option>`)}
      </select>
    </label>`;
  return html`<form class="filters" key=${JSON.stringify(filter)} onSubmit=${apply} role="search" aria-label="Filter">
    ${text("app", "App")} ${text("capability", "Route")}
    ${
      section === "deliveries" &&
      choice(
        "state",
        "State",
        "any",
        STATES.map((state) => [state, state]),
      )
    }
    ${choice(
      "reason",
      "Reason",
      "any",
      REASONS.map((reason) => [reason, words(reason)]),
    )}
    ${section === "deliveries" && text("request_id", "Request id")}
    ${choice("age", section === "dlq" ? "Dead since" : "Accepted in", "any time", Object.entries(AGE_WORDS))}
    <button type="submit">Filter</button>
    ${Object.keys(filter).length > 0 && html`<a class="button" href=${`#/${section}`}>Clear</a>`}
  </form>`;
}
