import type { VNode } from "preact";
import { post } from "../core/api.ts";
import { html } from "../core/html.ts";
import { apiPath } from "../core/router.ts";
import { Act, askFirst } from "../parts/ask.ts";

/** Holding deliveries back and letting them go on: of an app, or of one route. */
export function AppActions({ app }: { app: string }): VNode {
  return html`<${PauseActions} name=${app} path=${apiPath("apps", app)} what=${`all routes of ${app}`} />`;
}

export function PauseActions({ name, path, what }: { name: string; path: string; what: string }): VNode {
  const pause = (): void =>
    askFirst({
      title: `Pause deliveries of ${name}?`,
      body: html`<p>Stored deliveries of ${what} wait until you resume; they spend no attempts, and new ones are still accepted. Synchronous calls go on.</p>`,
      action: "Pause deliveries",
      run: () => post(`${path}/pause`),
      done: `Deliveries of ${name} wait.`,
    });
  const resume = (): void =>
    askFirst({
      title: `Resume deliveries of ${name}?`,
      body: html`<p>What waits for ${what} is sent from now on, also where 410 answers had parked it.</p>`,
      action: "Resume deliveries",
      run: () => post(`${path}/resume`),
      done: `Deliveries of ${name} go on.`,
    });
  return html`<${Act} label="Pause deliveries" onClick=${pause} /><${Act} label="Resume deliveries" onClick=${resume} />`;
}
