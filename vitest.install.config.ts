import { defineConfig } from "vitest/config";

/** `npm run test:install`: what is shipped is built and installed anew, which takes a registry and a minute. */
export default defineConfig({
  test: {
    include: ["test/install/*.install.ts"],
    testTimeout: 60_000,
    hookTimeout: 300_000,
  },
});
