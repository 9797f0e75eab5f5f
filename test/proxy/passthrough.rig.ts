import { onTestFinished } from "vitest";
import { type PassthroughHost, startPassthrough } from "../help/passthrough.ts";
import { type RecordingUpstream, recordingUpstream } from "../help/raw.ts";

/** The passthrough before an app that answers as told, both gone with the test. */
export async function setUp(
  answer?: Parameters<typeof recordingUpstream>[0],
  options: Parameters<typeof startPassthrough>[1] = {},
): Promise<{ upstream: RecordingUpstream; host: PassthroughHost }> {
  const upstream = await recordingUpstream(answer);
  onTestFinished(upstream.stop);
  const host = await startPassthrough(upstream.port, options);
  onTestFinished(host.stop);
  return { upstream, host };
}

/** A request without its last header lines. */
export const HEAD = "POST /up?x=%2F HTTP/1.1\r\nHost: wire.example\r\n";

/** Turns of the event loop, until it is so. */
export async function until(so: () => boolean): Promise<void> {
  while (!so()) await new Promise((resolve) => setImmediate(resolve));
}
