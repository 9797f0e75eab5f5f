/** Who may start next, so that nobody starves another. Pure. */

export interface Shares {
  /** Deliveries at once … */
  readonly concurrency: number;
  /** … and to one app. */
  readonly perApp: number;
}

/**
 * May an app with `active` deliveries start one more? It always has one slot. Up to its fair part of all slots it only
 * has to find one free; beyond that a quarter is left for the others, so that apps that hang can't take everything.
 */
export function mayStart(active: number, total: number, busyApps: number, { concurrency, perApp }: Shares): boolean {
  if (active === 0) return true;
  if (active >= perApp || total >= concurrency) return false;
  const fair = Math.max(1, Math.floor(concurrency / Math.max(1, busyApps)));
  return active < fair || busyApps <= 1 || total < Math.ceil(concurrency * 0.75);
}

/** Within an app one route holds at most three quarters of the slots while another is due. */
export function routeMayStart(active: number, anotherIsDue: boolean, { perApp }: Shares): boolean {
  return !anotherIsDue || active < Math.max(1, Math.floor(perApp * 0.75));
}

/**
 * First tries and retries have a half each while both are due: those that fail again and again don't hold up the new,
 * nor a flood of new ones the old.
 */
export function laneMayStart(active: number, otherIsDue: boolean, { perApp }: Shares): boolean {
  return !otherIsDue || active < Math.max(1, Math.ceil(perApp / 2));
}
