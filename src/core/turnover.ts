const RENEWED_AFTER = 64;

/**
 * A map whose entries come and go with each request: a `Map`, and from time to time another, so that it leaves nothing
 * behind that the engine keeps. Why, says `LinkedList`, which is for what needs no key.
 */
export class TurnoverMap<K, V> {
  #map = new Map<K, V>();
  #deleted = 0;

  get size(): number {
    return this.#map.size;
  }

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  has(key: K): boolean {
    return this.#map.has(key);
  }

  set(key: K, value: V): void {
    this.#map.set(key, value);
  }

  delete(key: K): boolean {
    if (!this.#map.delete(key)) return false;
    // Each entry is copied at most once for each that went.
    if (++this.#deleted >= RENEWED_AFTER && this.#deleted >= this.#map.size) {
      this.#map = new Map(this.#map);
      this.#deleted = 0;
    }
    return true;
  }

  clear(): void {
    this.#map = new Map();
    this.#deleted = 0;
  }

  /** In the order in which their keys came. Meanwhile none may leave. */
  values(): IterableIterator<V> {
    return this.#map.values();
  }

  entries(): IterableIterator<[K, V]> {
    return this.#map.entries();
  }
}
