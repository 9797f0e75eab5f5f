import { systemClock } from "../core/clock.ts";
import { systemRandom } from "../core/random.ts";
import type { RedisSettings } from "../core/settings.service.ts";
import { checkRedis } from "../redis/check.ts";
import { openRedis } from "../redis/connection.ts";

export interface RedisAnswer {
  readonly version: string | null;
  readonly refusals: readonly string[];
  readonly warnings: readonly string[];
}

const PATIENCE_MS = 5000;

/** What a start would say about this Redis; one that does not answer is refused. */
export async function askRedis(settings: RedisSettings, spools: boolean): Promise<RedisAnswer> {
  let why = "it does not answer";
  await using link = openRedis(settings, {
    clock: systemClock,
    random: systemRandom,
    emit: ({ detail }) => {
      why = detail;
    },
  });
  if (!(await link.upWithin(PATIENCE_MS)))
    return { version: null, refusals: [`Redis is not there: ${why}`], warnings: [] };
  try {
    return await checkRedis(link.client, spools);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { version: null, refusals: [`Redis does not say how it is set up: ${text}`], warnings: [] };
  }
}
