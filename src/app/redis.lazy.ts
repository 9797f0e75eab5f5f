import type { Manifest } from "../core/settings.ts";
import type { RedisService, RedisServiceDeps } from "./redis.ts";

/** Connects where the manifest asks for it; elsewhere null, and what it takes (some 15 MB) is not even loaded. */
export async function openRedis(
  manifest: Pick<Manifest, "redis" | "spool">,
  deps: RedisServiceDeps,
): Promise<RedisService | null> {
  if (manifest.redis === null) return null;
  const { openRedisService } = await import("./redis.ts");
  return await openRedisService(manifest, deps);
}
