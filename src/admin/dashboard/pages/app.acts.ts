import type { VNode } from "preact";
import { post } from "../core/api.ts";
import { amount } from "../core/format.ts";
import { html } from "../core/html.ts";
import { parkText } from "../core/incidents.ts";
import type { Resource } from "../core/resource.ts";
import { apiPath } from "../core/router.ts";
import type { Spool, Status, Waiting } from "../core/status.ts";
import { Act, askFirst } from "../parts/ask.ts";
import { Badge } from "../parts/status.ts";
import { Time } from "../parts/time.ts";

/** Holding the deliveries of an app back, or letting them go on: whichever can be done now. */
export function AppActions({ app, status }: { app: string; status: Resource<Status> }): VNode {
  const held = heldOf(status.data?.spool ?? null, app).length > 0;
  const [path, what] = [apiPath("apps", app), `all routes of ${app}`];
  return html`<${PauseActions} name=${app} path=${path} what=${what} held=${held} reload=${status.reload} />`;
}

/** The routes of an app that wait for an operator. */
export function heldOf(spool: Spool | null, app: string, capability?: string): readonly Waiting[] {
  return (spool?.waiting ?? []).filter(
    (route) =>
      route.app === app &&
      (capability ?? route.capability) === route.capability &&
      (route.parked?.cause === "paused" || route.parked?.cause === "gone"),
  );
}

/** The same of one route, or whatever `path` names. */
export function PauseActions(props: {
  name: string;
  path: string;
  what: string;
  held: boolean;
  reload: () => void;
}): VNode {
  const { name, path, what, held, reload: after } = props;
  const pause = (): void =>
    askFirst({
      title: `Pause deliveries of ${name}?`,
      body: html`<p>Stored deliveries of ${what} wait until you resume; they spend no attempts, and new ones are still accepted. Synchronous calls go on.</p>`,
      action: "Pause deliveries",
      run: () => post(`${path}/pause`),
      done: `Deliveries of ${name} wait.`,
      after,
    });
  const resume = (): void =>
    askFirst({
      title: `Resume deliveries of ${name}?`,
      body: html`<p>What waits for ${what} is sent from now on, also where 410 answers had parked it.</p>`,
      action: "Resume deliveries",
      run: () => post(`${path}/resume`),
      done: `Deliveries of ${name} go on.`,
      after,
    });
  return held
    ? html`<${Act} label="Resume deliveries" onClick=${resume} />`
    : html`<${Act} label="Pause deliveries" onClick=${pause} />`;
}

/** Says that deliveries wait, and why. */
export function Held({ routes }: { routes: readonly Waiting[] }): VNode | null {
  const [first] = routes;
  if (!first?.parked) return null;
  const waiting = routes.reduce((sum, { queued }) => sum + queued, 0);
  return html`<p class="notice warn" role="status">
    <${Badge} level="warn" text="Deliveries wait" /> ${parkText(first.parked.cause, first.parked.by)}, <${Time} at=${first.parked.since} />.
    ${amount(waiting, "delivery waits", "deliveries wait")}.
  </p>`;
}
