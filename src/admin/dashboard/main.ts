import { render } from "preact";
import { resume, session } from "./core/api.ts";
import { html } from "./core/html.ts";
import { startLive } from "./core/live.ts";
import { useStore } from "./core/store.ts";
import { Shell } from "./shell.ts";
import { SignIn } from "./signin.ts";

/** The page's beginning: who is signed in decides what is shown. */

function Dashboard() {
  const me = useStore(session);
  if (me === undefined) return null;
  return me === null ? html`<${SignIn} />` : html`<${Shell} me=${me} />`;
}

const root = document.getElementById("app");
if (root !== null) {
  render(html`<${Dashboard} />`, root);
  startLive();
  void resume();
}
