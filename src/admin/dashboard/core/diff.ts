/** What is different between two JSON values, leaf by leaf. */

export interface Change {
  /** As in `apps.quiz.webhooks.winner.timeout_ms`. */
  readonly path: string;
  /** As JSON; null where there was none. */
  readonly before: string | null;
  readonly after: string | null;
}

/** More of them are no longer read by anybody. */
const MAX_CHANGES = 500;

export function changesOf(before: unknown, after: unknown): readonly Change[] {
  const changes: Change[] = [];
  compare("", before, after, changes);
  return changes;
}

function compare(path: string, before: unknown, after: unknown, changes: Change[]): void {
  if (changes.length >= MAX_CHANGES || Object.is(before, after)) return;
  if (isBranch(before) && isBranch(after) && Array.isArray(before) === Array.isArray(after)) {
    const [a, b] = [branches(before), branches(after)];
    for (const key of new Set([...a.keys(), ...b.keys()]))
      compare(path === "" ? key : `${path}.${key}`, a.get(key), b.get(key), changes);
    return;
  }
  const [was, is] = [textOf(before), textOf(after)];
  if (was !== is) changes.push({ path, before: was, after: is });
}

export function isBranch(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** Parts by name; those of a list by the name they have, so that one more in front is one change. */
function branches(value: object): Map<string, unknown> {
  if (!Array.isArray(value)) return new Map(Object.entries(value));
  return new Map(value.map((item: unknown, i) => [nameOf(item) ?? String(i), item]));
}

function nameOf(item: unknown): string | null {
  if (!isBranch(item) || !("name" in item)) return null;
  return typeof item.name === "string" ? `[${item.name}]` : null;
}

function textOf(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}
