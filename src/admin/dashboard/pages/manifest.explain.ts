import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { type Answer, post } from "../core/api.ts";
import { html } from "../core/html.ts";
import { Failed, Panel } from "../parts/panel.ts";
import { type Explained, Values } from "../parts/values.ts";

/** Which route would answer a call, and where each of its values was set. */
export function Explain(): VNode {
  const [answer, setAnswer] = useState<Answer<Explained> | null>(null);
  const ask = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    setAnswer(
      await post<Explained>("/explain", { method: String(form.get("method")), path: String(form.get("path")).trim() }),
    );
  };
  return html`<${Panel} title="Where values come from" note="Which route answers a call, and which line set each of its values">
    <form class="filters" onSubmit=${ask}>
      <label>
        Method
        <select name="method">
          ${["POST", "GET", "PUT", "PATCH", "DELETE"].map((method) => html`<option key=${method}>${method}</option>`)}
        </select>
      </label>
      <label class="grow">Path<input name="path" required placeholder="/app/capability" spellcheck=${false} autocomplete="off" /></label>
      <button type="submit">Explain</button>
    </form>
    <div aria-live="polite">
      ${answer?.ok && html`<${Values} explained=${answer.value} />`}
      ${answer && !answer.ok && html`<${Failed} failure=${answer.failure} what="route for this call" />`}
    </div>
  <//>`;
}
