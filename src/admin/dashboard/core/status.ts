import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { type Resource, useResource } from "./resource.ts";

/** The service at a glance. Shown in several places. */
export interface Status {
  readonly version: string;
  readonly started_at: string;
  readonly ready: boolean;
  readonly reasons: readonly string[];
  readonly listen: { readonly proxy: string; readonly admin: string };
  readonly manifest: {
    readonly revision: number;
    readonly hash: string;
    readonly applied_at: string;
    readonly by: string;
    readonly warnings: number;
  };
  readonly rejected?: {
    readonly at: string;
    readonly by: string;
    readonly count: number;
    readonly problems: readonly string[];
  } | null;
  readonly routes: number;
  readonly apps?: Readonly<Record<"healthy" | "degraded" | "unhealthy" | "unknown" | "pinned", number>>;
  readonly breakers: Readonly<Record<"closed" | "half_open" | "open", number>>;
  readonly in_flight: Readonly<Record<string, number>>;
  readonly spool?: Spool | null;
}

export interface Spool {
  readonly states: Readonly<Record<"queued" | "leased" | "verifying" | "delivered" | "dead" | "cancelled", number>>;
  readonly bytes: number;
  readonly max_bytes: number;
  readonly max_jobs: number;
  readonly full: "jobs" | "bytes" | null;
  readonly oldest_age_ms: number | null;
  readonly waiting: readonly Waiting[];
  readonly waiting_total: number;
}

/** A route with stored jobs, or one that is parked. */
export interface Waiting {
  readonly app: string;
  readonly capability: string;
  readonly queued: number;
  readonly leased: number;
  readonly verifying: number;
  readonly dead: number;
  readonly parked: { readonly cause: string; readonly since: string; readonly by: string | null } | null;
}

/** Asked for once, by what surrounds every page. */
export const StatusContext = createContext<Resource<Status>>({ data: null, failure: null, at: null, reload: () => {} });

/** For what surrounds the pages: asks, and keeps it up to date. */
export function useLiveStatus(): Resource<Status> {
  return useResource("/status", always);
}

export function useStatus(): Resource<Status> {
  return useContext(StatusContext);
}

function always(): boolean {
  return true;
}
