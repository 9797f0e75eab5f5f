/**
 * Freezes a value and everything in it, so that a running request can't be surprised. Bytes are left alone: JavaScript
 * can't freeze them. What is frozen already is taken to be frozen all through.
 */
export function deepFreeze<T>(value: T): T {
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value) || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
  return value;
}
