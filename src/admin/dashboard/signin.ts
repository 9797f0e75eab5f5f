import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { signIn, signInNote } from "./core/api.ts";
import { html } from "./core/html.ts";
import { useStore } from "./core/store.ts";

/** Asks for a token. It is kept for this tab, and gone with it. */
export function SignIn(): VNode {
  const note = useStore(signInNote);
  const [wrong, setWrong] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const given = new FormData(event.target as HTMLFormElement).get("token");
    setBusy(true);
    setWrong(await signIn(typeof given === "string" ? given : ""));
    setBusy(false);
  };
  const said = wrong ?? note;
  return html`<main class="signin" id="main">
    <form class="panel" onSubmit=${submit} autocomplete="off">
      <h1><img src="dashboard/icon.svg" width="28" height="28" alt="" /> Outrigger</h1>
      <label for="token">Admin token</label>
      <input id="token" name="token" type="password" required autofocus autocomplete="off" spellcheck=${false}
        aria-describedby="token-help token-wrong" aria-invalid=${wrong !== null} />
      <p id="token-wrong" class="bad" role="alert">${said ?? ""}</p>
      <button class="primary" type="submit" disabled=${busy}>${busy ? "Signing in…" : "Sign in"}</button>
      <p id="token-help" class="quiet">
        One of <code>admin.tokens</code> in the manifest. Where it names none, it is in the file <code>admin-token</code> of
        the data directory. It is kept for this tab only.
      </p>
    </form>
  </main>`;
}
