import { startPassthrough } from "../help/passthrough.ts";
import { recordingUpstream } from "../help/raw.ts";
import { runRequestVectors, type Subject } from "./vectors.run.ts";

async function start(): Promise<Subject> {
  const upstream = await recordingUpstream();
  const host = await startPassthrough(upstream.port);
  return {
    port: host.port,
    upstreamSaw: upstream.saw,
    upstreamRequests: upstream.requests,
    forget: upstream.forget,
    upstream,
    stop: async () => {
      await host.stop();
      await upstream.stop();
    },
  };
}

runRequestVectors("the passthrough", start, { streaming: true });
