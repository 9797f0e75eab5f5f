import { statfsSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** They last longest, and mostly wait: begun last, each would keep all others waiting for it alone. */
const LONGEST = [
  "e2e/demo.failover",
  "e2e/demo.redis",
  "torture/short",
  "torture/fake",
  "wire/proxy",
  "e2e/verify",
  "e2e/restart",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const found = LONGEST.findIndex((name) => moduleId.includes(`/test/${name}.test.`));
      return found === -1 ? LONGEST.length : found;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Many wait for other processes or for time that passes: one more than there are cores lets nobody idle.
    maxWorkers: availableParallelism() + 1,
    sequence: { sequencer: LongestFirst },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What each process that a test starts has to compile, it finds compiled: half of the cost of starting one.
    env: { TMPDIR: temporary(), NODE_COMPILE_CACHE: join(temporary(), "outrigger-test-compiled") },
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      // It runs in a browser: test/dashboard does what an operator does, and what ran there is not counted here.
      exclude: ["src/admin/dashboard/**"],
      reporter: ["text-summary", "json-summary"],
      thresholds: { lines: 90 },
    },
  },
});

/**
 * Where tests and the processes they start put their files: in memory if there is room, since thousands of commits that
 * wait for a disk are most of what a run takes. No test cuts the power: what a kill leaves is the same.
 */
function temporary(): string {
  const memory = "/dev/shm";
  try {
    const { bavail, bsize } = statfsSync(memory);
    return bavail * bsize >= 4 * 1024 ** 3 ? memory : tmpdir();
  } catch {
    return tmpdir();
  }
}
