/** Durations and sizes as people write them, both ways. */

const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
const MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZE = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB|TiB)$/;
const BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/** Milliseconds of `5000`, `250ms`, `2s`, `5m`, `24h`, `7d`; null for anything else. */
export function parseDuration(value: unknown): number | null {
  return parseUnit(value, DURATION, MS);
}

/** Bytes of `1048576`, `64KiB`, `1MiB`; null for anything else. */
export function parseSize(value: unknown): number | null {
  return parseUnit(value, SIZE, BYTES);
}

function parseUnit(value: unknown, form: RegExp, units: Readonly<Record<string, number>>): number | null {
  let amount: number;
  if (typeof value === "number") amount = value;
  else {
    const [, digits, unit] = (typeof value === "string" && form.exec(value)) || [];
    if (digits === undefined || unit === undefined) return null;
    // 1.1s is 1100.0000000000002 in floating point: a millionth is the writer's, the last bits of a large number the machine's.
    amount = Number(digits) * (units[unit] ?? 1);
    const whole = Math.round(amount);
    if (Math.abs(amount - whole) <= 1e-6 + 4 * Number.EPSILON * amount) amount = whole;
  }
  return Number.isSafeInteger(amount) && amount >= 0 ? amount : null;
}

/** The shortest exact way to write it: `90s`, `5.5s`, `250ms`, `24h`. */
export function formatDuration(ms: number): string {
  return ms > 1000 && ms % 1000 !== 0 && ms % 10 === 0 ? `${ms / 1000}s` : formatUnit(ms, MS);
}

/** The shortest exact way to write it: `64KiB`, `1500B`. */
export function formatSize(bytes: number): string {
  return formatUnit(bytes, BYTES);
}

function formatUnit(amount: number, units: Readonly<Record<string, number>>): string {
  let text = "";
  for (const [unit, size] of Object.entries(units)) {
    if (text === "" || (amount !== 0 && amount % size === 0)) text = `${amount / size}${unit}`;
  }
  return text;
}
