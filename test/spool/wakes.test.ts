import { expect, test } from "vitest";
import { createWakes } from "../../src/spool/wakes.ts";
import { createSeededRandom } from "../help/seeded-random.ts";

/** Another one each time; a failure says it. */
const anySeed = (): number => Number(process.hrtime.bigint() % 1_000_000_000n);

test("whoever is due comes once, the earliest first, at the time that was set last", () => {
  const seed = anySeed();
  const random = createSeededRandom(seed);
  const wakes = createWakes<number>();
  const times = new Map<number, number>();
  for (let now = 0; now < 2_000; now++) {
    for (let i = random.below(4); i > 0; i--) {
      const one = random.below(50);
      const at = random.below(5) === 0 ? Number.POSITIVE_INFINITY : now + 1 + random.below(100);
      wakes.set(one, at);
      times.delete(one);
      if (at < Number.POSITIVE_INFINITY) times.set(one, at);
    }
    expect(wakes.next(), `seed ${seed}`).toBe(Math.min(Number.POSITIVE_INFINITY, ...times.values()));
    for (let one = wakes.take(now); one !== undefined; one = wakes.take(now)) {
      const at = times.get(one);
      expect(at, `seed ${seed}`).toBe(Math.min(...times.values()));
      expect(at, `seed ${seed}`).toBeLessThanOrEqual(now);
      times.delete(one);
    }
    expect([...times.values()].every((at) => at > now)).toBe(true);
  }
});
