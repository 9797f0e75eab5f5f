import { startPassthrough } from "../help/passthrough.ts";
import { runAnswerVectors } from "./answers.run.ts";

runAnswerVectors(
  "the passthrough",
  async (upstreamPort) => {
    const host = await startPassthrough(upstreamPort);
    return {
      port: host.port,
      reasonOf: async (_id, n) => (await host.ended(n + 1))[n]?.fault?.reason ?? null,
      stop: host.stop,
    };
  },
  { streaming: true },
);
