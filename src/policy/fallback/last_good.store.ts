/** A good answer as kept for `last_good`. */
interface GoodAnswer {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: Buffer;
  /** `Clock.now()` when it came. */
  readonly at: number;
  /** Seconds that it was old when it came (its own Age). */
  readonly age: number;
}

/** The newest good answers of all routes, the least recently used dropped first. One a process; it outlives reloads. */
export interface LastGoodStore {
  get(key: string): GoodAnswer | null;
  /** Keeps `answer`, copied, in place of an older one. One larger than the whole store is not kept. */
  put(key: string, answer: GoodAnswer): void;
  remove(key: string): void;
  readonly entries: number;
  readonly bytes: number;
}

const MAX_ENTRIES = 1000;
const MAX_BYTES = 16 * 1024 * 1024;
/** What an entry costs beside its body, header text and key. */
const ENTRY_BYTES = 256;

export function createLastGoodStore(maxEntries = MAX_ENTRIES, maxBytes = MAX_BYTES): LastGoodStore {
  // A Map keeps the order of insertion: putting an entry in again makes it the newest.
  const answers = new Map<string, GoodAnswer>();
  let bytes = 0;

  const remove = (key: string): void => {
    const found = answers.get(key);
    if (found === undefined) return;
    answers.delete(key);
    bytes -= sizeOf(key, found);
  };

  return {
    get(key) {
      const found = answers.get(key);
      if (found === undefined) return null;
      answers.delete(key);
      answers.set(key, found);
      return found;
    },
    put(key, answer) {
      remove(key);
      const size = sizeOf(key, answer);
      if (size > maxBytes) return;
      // The body may be a small part of a large buffer of the connection, which would be held with it.
      const body = Buffer.alloc(answer.body.length);
      answer.body.copy(body);
      answers.set(key, { ...answer, body });
      bytes += size;
      for (const oldest of answers.keys()) {
        if (answers.size <= maxEntries && bytes <= maxBytes) break;
        remove(oldest);
      }
    },
    remove,
    get entries() {
      return answers.size;
    },
    get bytes() {
      return bytes;
    },
  };
}

function sizeOf(key: string, answer: GoodAnswer): number {
  let size = ENTRY_BYTES + key.length + answer.body.length;
  for (const text of answer.headers) size += text.length;
  return size;
}
