import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { awaySince, type Me, session, signOut } from "./core/api.ts";
import { count } from "./core/format.ts";
import { html } from "./core/html.ts";
import { stream } from "./core/live.ts";
import { place, to } from "./core/router.ts";
import { StatusContext, useLiveStatus, useStatus } from "./core/status.ts";
import { useStore } from "./core/store.ts";
import { pageOf } from "./pages.ts";
import { AskDialog } from "./parts/ask.ts";
import { Time } from "./parts/time.ts";
import { Toast } from "./parts/toast.ts";

/** What surrounds every page: where one is, whether what is shown is of now, and who looks. */
export function Shell({ me }: { me: Me }): VNode {
  const { segments, query } = useStore(place);
  const { title, section, view } = pageOf(segments, query);
  const key = segments.join("/");
  useEffect(() => {
    document.title = title === "Overview" ? "Outrigger" : `${title} · Outrigger`;
    scrollTo(0, 0);
    // Who listens hears which page came; nobody sees a frame around it.
    if (document.activeElement !== document.body || key !== "") document.querySelector("h1")?.focus();
  }, [key]);
  const status = useLiveStatus();
  return html`<${StatusContext.Provider} value=${status}><div class="shell">
    <button class="skip" type="button" onClick=${() => document.getElementById("main")?.focus()}>Skip to content</button>
    <${Top} me=${me} section=${section} />
    <${Away} />
    <main id="main" tabindex="-1" key=${key}>${view}</main>
    <${Toast} />
    <${AskDialog} />
  </div><//>`;
}

const SECTIONS = [
  ["", "Overview"],
  ["deliveries", "Deliveries"],
  ["dlq", "Dead letters"],
  ["alerts", "Alerts"],
  ["manifest", "Manifest"],
  ["audit", "Audit"],
] as const;

function Top({ me, section }: { me: Me; section: string }): VNode {
  const dead = useStatus().data?.spool?.states.dead ?? 0;
  return html`<header class="top">
    <a class="brand" href="#/" aria-label="Outrigger, overview"><img src="dashboard/icon.svg" width="24" height="24" alt="" /> Outrigger</a>
    <nav aria-label="Pages">
      ${SECTIONS.map(
        ([
          name,
          text,
        ]) => html`<a key=${name} href=${to(...(name === "" ? [] : [name]))} aria-current=${section === name ? "page" : undefined}>
          ${text}${name === "dlq" && dead > 0 && html` <span class="count">${count(dead)}</span>`}
        </a>`,
      )}
    </nav>
    <div class="who">
      <${Stream} />
      <span class="quiet" title=${`Signed in as ${me.name}`}>${me.role}</span>
      <button type="button" class="plain" onClick=${() => signOut()}>Sign out</button>
    </div>
  </header>`;
}

const STREAMS = {
  live: ["good", "Live", "Events arrive as they happen."],
  polling: ["warn", "Every 15 s", "The event stream is away: everything is asked for anew every 15 seconds."],
  connecting: ["idle", "Connecting", "The event stream is being opened."],
} as const;

function Stream(): VNode {
  const [level, text, title] = STREAMS[useStore(stream)];
  return html`<span class=${`stream ${level}`} title=${title} role="status"><i aria-hidden="true"></i>${text}</span>`;
}

function Away(): VNode | null {
  const since = useStore(awaySince);
  if (since === null || !session.get()) return null;
  return html`<div class="banner bad" role="alert">
    <strong>Disconnected.</strong> Outrigger has not answered since <${Time} at=${since} />. What is shown is from
    before. It is asked again every 15 seconds.
  </div>`;
}
