/**
 * A function's results by the identity of its argument, for as long as the argument lives. Parts of the manifest that
 * routes share are resolved once, and stay shared.
 */
export function memo<K extends object, V>(): (key: K, make: (key: K) => V) => V {
  const known = new WeakMap<K, { readonly value: V }>();
  return (key, make) => {
    const found = known.get(key);
    if (found) return found.value;
    const value = make(key);
    known.set(key, { value });
    return value;
  };
}
