/** Amounts as people read them, rounded. */

const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];

/** As in `1.5 MiB`. */
export function sizeText(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  while (amount >= 1024 && unit < SIZES.length - 1) {
    amount /= 1024;
    unit++;
  }
  const text = unit === 0 || amount >= 100 ? amount.toFixed(0) : amount.toFixed(1).replace(/\.0$/, "");
  return `${text} ${SIZES[unit]}`;
}

/** As in `3d 4h`: the two largest units. */
export function spanText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const parts: [amount: number, unit: string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first === -1) return "0s";
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount}${unit}`)
    .join(" ");
}

/** How long something took, as in `8ms`, `1.1s`, `15.6s`, `1m 35s`: below a minute exact to a tenth. */
export function tookText(ms: number): string {
  if (Math.round(ms) < 1_000) return `${Math.round(ms)}ms`;
  const tenths = Math.round(ms / 100);
  return tenths < 600 ? `${tenths / 10}s` : spanText(tenths * 100);
}

/** As in `1 delivery`, `2 deliveries`. */
export function jobsText(count: number): string {
  return `${count} ${count === 1 ? "delivery" : "deliveries"}`;
}
