/** An error may be the cause of many others, or of itself. */
const MAX_ERRORS = 8;

/**
 * An error and its causes as they may be written down: their stacks. What else hangs on an error (the head that could
 * not be parsed, the options of a request) may hold anybody's secrets, and is left out.
 */
export function errorText(error: unknown): string {
  const texts: string[] = [];
  let next: unknown[] = [error];
  while (next.length > 0 && texts.length < MAX_ERRORS) {
    const [one, ...rest] = next;
    texts.push(one instanceof Error ? (one.stack ?? `${one.name}: ${one.message}`) : String(one));
    next = [...rest, ...causesOf(one)];
  }
  return texts.join("\ncaused by: ");
}

function causesOf(error: unknown): unknown[] {
  if (!(error instanceof Error)) return [];
  const several: unknown[] = error instanceof AggregateError ? error.errors : [];
  return error.cause === undefined ? several : [error.cause, ...several];
}
