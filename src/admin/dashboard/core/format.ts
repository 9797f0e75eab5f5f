/** Numbers and times as people read them. */

const whole = new Intl.NumberFormat("en");
const stamp = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

export function count(n: number): string {
  return whole.format(n);
}

/** As in `1 delivery`, `2,000 deliveries`. */
export function amount(n: number, one: string, many: string): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** `99.95 %`, of a number of percent; what is not quite all never reads as 100 %. */
export function percent(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (value === 100 || value === 0) return `${value} %`;
  const digits = value > 99 ? 2 : 1;
  return `${(Math.floor(value * 10 ** digits) / 10 ** digits).toFixed(digits)} %`;
}

/** `850 ms`, `1.24 s`, `3 min 20 s`, `4 h 5 min`, `3 d 2 h`. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "–";
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(2)} s`;
  const s = Math.round(ms / 1000);
  if (s < 60) return `${s} s`;
  if (s < 3600) return two(Math.floor(s / 60), "min", s % 60, "s");
  if (s < 86_400) return two(Math.floor(s / 3600), "h", Math.floor((s % 3600) / 60), "min");
  return two(Math.floor(s / 86_400), "d", Math.floor((s % 86_400) / 3600), "h");
}

function two(a: number, unit: string, b: number, small: string): string {
  return b === 0 ? `${a} ${unit}` : `${a} ${unit} ${b} ${small}`;
}

export function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  const power = Math.min(4, Math.floor(Math.log2(n) / 10));
  const value = n / 1024 ** power;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${["", "KiB", "MiB", "GiB", "TiB"][power]}`;
}

/** `3 min ago`, `in 20 s`, `just now`. One unit: that is what a glance takes in. */
export function relative(at: number, now: number): string {
  const away = Math.abs(now - at);
  if (away < 2_000) return "just now";
  const text = oneUnit(away);
  return at <= now ? `${text} ago` : `in ${text}`;
}

function oneUnit(ms: number): string {
  if (ms < 60_000) return `${Math.floor(ms / 1000)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.floor(ms / 3_600_000)} h`;
  return `${Math.floor(ms / 86_400_000)} d`;
}

/** In the zone of whoever looks. */
export function absolute(at: number): string {
  return stamp.format(at);
}

/** `permanent_status` → `permanent status`. */
export function words(name: string): string {
  return name.replaceAll("_", " ");
}

/**
 * Text of others as it can be shown: what steers terminals or hides in text is written out, so that a copy into one
 * does nothing, and text that runs backwards is seen to.
 */
export function plain(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
