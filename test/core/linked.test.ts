import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { type Link, LinkedList } from "../../src/core/linked.ts";
import { TurnoverMap } from "../../src/core/turnover.ts";
import { createSeededRandom } from "../help/seeded-random.ts";

/** Another one each time; a failure says it. */
const anySeed = (): number => Number(process.hrtime.bigint() % 1_000_000_000n);

test("whatever comes, moves and goes, each list holds what it should, in the order of coming", () => {
  const seed = anySeed();
  const random = createSeededRandom(seed);
  const lists = [new LinkedList<number>(), new LinkedList<number>()] as const;
  const models: [number[], number[]] = [[], []];
  const links: Link<number>[] = Array.from({ length: 12 }, (_, i) => lists[0].push(i));
  models[0] = links.map(({ value }) => value);
  for (let step = 0; step < 5_000; step++) {
    const link = links[random.below(links.length)] as Link<number>;
    const i = random.below(2) as 0 | 1;
    const own = models[i];
    const stands = own.includes(link.value);
    switch (random.below(3)) {
      case 0:
        lists[i].add(link);
        if (!stands) {
          for (const model of models) if (model.includes(link.value)) model.splice(model.indexOf(link.value), 1);
          own.push(link.value);
        }
        break;
      case 1:
        expect(lists[i].delete(link), `seed ${seed}`).toBe(stands);
        if (stands) own.splice(own.indexOf(link.value), 1);
        break;
      default:
        expect(lists[i].shift(), `seed ${seed}`).toBe(own.shift());
    }
    for (const n of [0, 1] as const) {
      expect([...lists[n]], `seed ${seed}`).toEqual(models[n]);
      expect(lists[n].size, `seed ${seed}`).toBe(models[n].length);
      expect(lists[n].first?.value, `seed ${seed}`).toBe(models[n][0]);
    }
  }
});

test("the one at which a walk stands may leave", () => {
  const list = new LinkedList<number>();
  const links = [1, 2, 3].map((value) => list.push(value));
  const met: number[] = [];
  for (const value of list) {
    met.push(value);
    list.delete(links[value - 1] as Link<number>);
  }
  expect(met).toEqual([1, 2, 3]);
  expect(list.size).toBe(0);
});

test("a map that renews itself answers like any other, whatever comes and goes", () => {
  const seed = anySeed();
  const random = createSeededRandom(seed);
  const map = new TurnoverMap<number, number>();
  const model = new Map<number, number>();
  for (let step = 0; step < 20_000; step++) {
    const key = random.below(300);
    if (random.below(5) < 2) {
      map.set(key, step);
      model.set(key, step);
    } else expect(map.delete(key), `seed ${seed}`).toBe(model.delete(key));
    if (random.below(4_000) === 0) {
      map.clear();
      model.clear();
    }
    expect([map.has(key), map.get(key), map.size], `seed ${seed}`).toEqual([
      model.has(key),
      model.get(key),
      model.size,
    ]);
  }
  expect([...map.entries()]).toEqual([...model]);
  expect([...map.values()]).toEqual([...model.values()]);
});

interface Kept {
  put(value: object): () => void;
}

const KINDS: Readonly<Record<string, () => Kept>> = {
  "a list": () => {
    const list = new LinkedList<object>();
    return {
      put(value) {
        const link = list.push(value);
        return () => void list.delete(link);
      },
    };
  },
  "a map": () => {
    const map = new TurnoverMap<number, object>();
    let n = 0;
    return {
      put(value) {
        const key = n++;
        map.set(key, value);
        return () => void map.delete(key);
      },
    };
  },
};

test.each(Object.keys(KINDS))("%s that is old keeps nothing of what has left it past a young collection", (kind) => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as (options?: { type: "minor" }) => void;
  const kept = (KINDS[kind] as () => Kept)();
  const ends: (() => void)[] = [];
  const churn = (times: number): void => {
    for (let i = 0; i < times; i++) {
      ends.push(kept.put(Array(500).fill(i)));
      if (ends.length > 64) ends.shift()?.();
    }
  };
  churn(200);
  // What stands there now, and its tables, go to the old generation.
  gc();
  gc();
  gc({ type: "minor" });
  const before = process.memoryUsage().heapUsed;
  // Some 40 MB in all, of which a quarter of a megabyte stands there at a time.
  churn(10_000);
  for (let i = 0; i < 3; i++) gc({ type: "minor" });
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(8 * 1024 * 1024);
});
