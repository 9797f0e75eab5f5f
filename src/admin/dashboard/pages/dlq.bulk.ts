import { type Answer, post } from "../core/api.ts";
import { amount, count } from "../core/format.ts";
import { html } from "../core/html.ts";
import { askFirst } from "../parts/ask.ts";
import { say } from "../parts/toast.ts";

/** The same done to every dead letter that a filter finds: counted first, then done in parts. */

interface Result {
  readonly count: number;
  readonly next: string | null;
}
type Verb = "retry" | "delete";

/** One call looks at so many, so that progress is seen and nobody waits for an answer that takes minutes. */
const AT_ONCE = 2_000;
/** Counting stops here: the question needs no more. */
const COUNTED = 100_000;
const DONE = { retry: "queued again", delete: "deleted" } as const;

export async function askBulk(
  verb: Verb,
  fields: Readonly<Record<string, string>>,
  text: string,
  after: () => void,
): Promise<void> {
  say("Counting…");
  const counted = await inParts(verb, { ...fields, dry_run: true }, () => {}, COUNTED);
  if (!counted.ok) return say(`${counted.failure.title}: nothing was done.`);
  const { count: found, next } = counted.value;
  if (found === 0) return say("None of them is dead any more.");
  say("");
  const many = `${next === null ? "" : "more than "}${amount(found, "dead letter", "dead letters")}`;
  const which = text === "" ? " – the whole queue" : ` ${text}`;
  askFirst({
    title: verb === "retry" ? `Retry ${many}?` : `Delete ${many}?`,
    body:
      verb === "retry"
        ? html`<p>${many}${which}: queued again, each with a fresh budget of attempts. Their apps get the same bytes and the same <code>webhook-id</code>, and may have seen some before. What fails again comes back here.</p>`
        : html`<p>${many}${which}: their payloads are gone for good. Export first what may be wanted: <code>outrigger dlq export</code>.</p>`,
    action: `${verb === "retry" ? "Retry" : "Delete"} ${next === null ? count(found) : "all"}`,
    danger: verb === "delete",
    run: (progress) =>
      inParts(verb, fields, (done) => progress(`${count(done)} of ${many} ${DONE[verb]}…`), Number.POSITIVE_INFINITY),
    done: (value) => `${amount((value as Result).count, "dead letter", "dead letters")} ${DONE[verb]}.`,
    after,
  });
}

/** Goes on from part to part until the end, or until so many are counted. */
async function inParts(
  verb: Verb,
  fields: object,
  progress: (done: number) => void,
  enough: number,
): Promise<Answer<Result>> {
  let done = 0;
  let cursor: string | null = null;
  for (;;) {
    const body: object = { ...fields, limit: AT_ONCE, ...(cursor !== null && { cursor }) };
    const answer: Answer<Result> = await post<Result>(`/dlq/${verb}`, body);
    if (!answer.ok) return answer;
    done += answer.value.count;
    progress(done);
    cursor = answer.value.next;
    if (cursor === null || done >= enough) return { ok: true, value: { count: done, next: cursor } };
  }
}
