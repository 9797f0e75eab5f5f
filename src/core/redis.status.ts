import type { RedisSettings } from "./settings.service.ts";

/** How Redis is to this process, for people. */
export interface RedisStatus {
  /** Where it is, without the login. */
  readonly server: string;
  /** Does it answer, and is known what other replicas do? */
  readonly up: boolean;
  /** Unix milliseconds: when it was last lost or found again. */
  readonly since: number;
  readonly shared: RedisSettings["shared"];
  /** The spool is in it. */
  readonly spool: boolean;
}
