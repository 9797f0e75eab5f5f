/** The place of one value in a {@link LinkedList}. It stands in one list at most. */
export class Link<T> {
  readonly value: T;
  list: LinkedList<T> | null = null;
  before: Link<T> | null = null;
  after: Link<T> | null = null;

  constructor(value: T) {
    this.value = value;
  }

  /** Out of the list where it stands, if it stands in one. */
  leave(): void {
    this.list?.delete(this);
  }
}

/**
 * An ordered collection for what comes and goes with each request, where a `Set` is dear: when its table is full the
 * engine makes another and leaves the old one pointing at it (`OrderedHashTable::Rehash` in V8). Once one such table
 * is in the old generation, those that follow, with all that ever stood in them, outlive each collection of the young
 * one. Here whatever leaves points at nothing any more.
 */
export class LinkedList<T> implements Iterable<T> {
  size = 0;
  first: Link<T> | null = null;
  #last: Link<T> | null = null;

  /** At the end, with a link of its own. */
  push(value: T): Link<T> {
    const link = new Link(value);
    this.add(link);
    return link;
  }

  /** At the end, out of the list where it stands; one that stands here stays where it is. */
  add(link: Link<T>): void {
    if (link.list === this) return;
    link.leave();
    link.list = this;
    link.before = this.#last;
    if (this.#last === null) this.first = link;
    else this.#last.after = link;
    this.#last = link;
    this.size++;
  }

  has(link: Link<T>): boolean {
    return link.list === this;
  }

  /** False where it does not stand here. */
  delete(link: Link<T>): boolean {
    if (link.list !== this) return false;
    const { before, after } = link;
    if (before === null) this.first = after;
    else before.after = after;
    if (after === null) this.#last = before;
    else after.before = before;
    link.list = null;
    link.before = null;
    link.after = null;
    this.size--;
    return true;
  }

  /** Takes out the first; undefined where there is none. */
  shift(): T | undefined {
    const link = this.first;
    if (link === null) return undefined;
    this.delete(link);
    return link.value;
  }

  /** In order. Meanwhile none may leave but the one at which it stands. */
  *[Symbol.iterator](): Iterator<T> {
    for (let link = this.first; link !== null; ) {
      const next: Link<T> | null = link.after;
      yield link.value;
      link = next;
    }
  }
}
