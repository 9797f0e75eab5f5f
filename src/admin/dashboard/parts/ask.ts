import type { ComponentChildren, VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { type Answer, type Failure, session } from "../core/api.ts";
import { html } from "../core/html.ts";
import { createStore, useStore } from "../core/store.ts";
import { say } from "./toast.ts";

/** A question before something is done: what will happen, in full, and a button that names it. */
export interface Question {
  readonly title: string;
  readonly body: ComponentChildren;
  /** On the button, as in `Switch to backup`. */
  readonly action: string;
  readonly danger?: boolean;
  /** Does it. `progress` shows how far it is. Resolves to what is said when it is done. */
  readonly run: (progress: (text: string) => void) => Promise<Answer<unknown>>;
  readonly done: string | ((value: unknown) => string);
  readonly after?: () => void;
}

const asked = createStore<Question | null>(null);

export function askFirst(question: Question): void {
  asked.set(question);
}

/** A button for operators; viewers see none. */
export function Act(props: { label: string; onClick: () => void; danger?: boolean; name?: string }): VNode | null {
  if (useStore(session)?.role !== "operator") return null;
  return html`<button type="button" class=${props.danger ? "danger" : ""} aria-label=${props.name ?? props.label} onClick=${props.onClick}>
    ${props.label}
  </button>`;
}

/** The one dialog of the page. The browser keeps the focus in it and gives it back; Escape closes it. */
export function AskDialog(): VNode | null {
  const question = useStore(asked);
  return question && html`<${Open} key=${question.title} question=${question} />`;
}

function Open({ question }: { question: Question }): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const [busy, setBusy] = useState<string | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const close = (): void => {
    if (busy !== null) return;
    dialog.current?.close();
    asked.set(null);
  };
  const run = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy("Working…");
    setFailure(null);
    const answer = await question.run(setBusy);
    setBusy(null);
    question.after?.();
    if (!answer.ok) return setFailure(answer.failure);
    say(typeof question.done === "string" ? question.done : question.done(answer.value));
    dialog.current?.close();
    asked.set(null);
  };
  const cancel = (event: Event): void => {
    event.preventDefault();
    close();
  };
  return html`<dialog ref=${dialog} onCancel=${cancel} aria-labelledby="ask-title">
    <form onSubmit=${run}>
      <h2 id="ask-title">${question.title}</h2>
      <div class="prose">${question.body}</div>
      ${failure && html`<p class="bad" role="alert"><strong>${failure.title}.</strong> ${failure.detail}</p>`}
      <p class="quiet" role="status">${busy ?? ""}</p>
      <div class="buttons">
        <button type="button" onClick=${close} disabled=${busy !== null}>Cancel</button>
        <button type="submit" class=${question.danger ? "primary danger" : "primary"} disabled=${busy !== null}>${question.action}</button>
      </div>
    </form>
  </dialog>`;
}
