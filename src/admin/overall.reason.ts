/** Why not all is well: a closed list. */
export const HEALTH_CODES = [
  "app_unhealthy",
  "app_degraded",
  "breaker_open",
  "low_success",
  "dlq_growing",
  "route_gone",
  "spool_full",
  "spool_away",
  "manifest_rejected",
  "storage_failing",
  "redis_away",
  "alert_firing",
] as const;

export interface HealthReason {
  readonly code: (typeof HEALTH_CODES)[number];
  readonly severity: "degraded" | "unhealthy";
  readonly app: string | null;
  readonly capability: string | null;
  /** A sentence for people. */
  readonly message: string;
}

/** The service itself fails. */
export function ofService(code: HealthReason["code"], message: string): HealthReason {
  return { code, severity: "unhealthy", app: null, capability: null, message };
}

/** Of a route: somebody should look. */
export function ofRoute(code: HealthReason["code"], app: string, capability: string): Omit<HealthReason, "message"> {
  return { code, severity: "degraded", app, capability };
}
