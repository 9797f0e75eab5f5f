import type { VNode } from "preact";
import { html } from "../core/html.ts";
import { createStore, useStore } from "../core/store.ts";

/** One line about what was done, for a while. */
const said = createStore("");
const SHOWN_MS = 6_000;
let timer: ReturnType<typeof setTimeout> | undefined;

export function say(text: string): void {
  clearTimeout(timer);
  said.set(text);
  timer = setTimeout(() => said.set(""), SHOWN_MS);
}

export function Toast(): VNode {
  const text = useStore(said);
  return html`<div class="toast" role="status" aria-live="polite">${text && html`<p>${text}</p>`}</div>`;
}
