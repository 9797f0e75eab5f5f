import { startPassthrough } from "../help/passthrough.ts";
import { runAnswerVectors } from "./answers.run.ts";

runAnswerVectors(
  "the passthrough",
  async (upstreamPort) => {
    const host = await startPassthrough(upstreamPort);
    return {
      port: host.port,
      firstReason: async () => (await host.ended(1))[0]?.fault?.reason ?? null,
      stop: host.stop,
    };
  },
  { streaming: true },
);
