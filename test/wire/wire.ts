import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { type RawAnswer, type RawMessage, type RecordingUpstream, recordingUpstream } from "../help/raw.ts";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";

/** A sidecar with a route of each mode at `/sync/*`, `/async/*` and `/passthrough/*`, before one recording upstream. */
export interface Wire {
  readonly upstream: RecordingUpstream;
  readonly sidecar: Sidecar;
  readonly port: number;
}

export const MODES = ["sync", "async", "passthrough"] as const;
export const HELD_MODES = ["sync", "passthrough"] as const;

interface WireOptions {
  readonly answer?: (request: RawMessage, socket: Socket, n: number) => RawAnswer | null;
  /** YAML in the app's block, and at the root. */
  readonly app?: string;
  readonly root?: string;
}

/** Stops with the test. */
export async function startWire({ answer, app = "", root = "" }: WireOptions = {}): Promise<Wire> {
  const upstream = await recordingUpstream(answer);
  onTestFinished(() => upstream.stop());
  const route = (mode: string): string =>
    `{ mode: ${mode}, path: /${mode}, match: { path: "/${mode}/*" }, retry: { attempts: 1 } }`;
  const sidecar = await startSidecar(`
${root}
apps:
  wire:
    owner: dev@wire.example
    url: "${upstream.url}"
    ${app}
    webhooks: { ${MODES.map((mode) => `${mode}: ${route(mode)}`).join(", ")} }
`);
  onTestFinished(() => sidecar.stop());
  return { upstream, sidecar, port: sidecar.port };
}

/** A caller with bare hands, gone with the test. */
export interface Caller {
  readonly socket: Socket;
  /** All that came, as latin-1. */
  readonly heard: () => string;
  /** Resolves once all that came contains `text`; with what came where the other side closes before. */
  until(text: string): Promise<string>;
  /** Resolves once the other side has closed, with all that came. */
  readonly closed: Promise<string>;
}

export function caller(port: number, bytes = ""): Caller {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  let heard = "";
  socket.setEncoding("latin1").on("data", (text: string) => {
    heard += text;
  });
  socket.on("error", () => undefined);
  if (bytes !== "") socket.write(Buffer.from(bytes, "latin1"));
  const closed = new Promise<string>((resolve) => socket.once("close", () => resolve(heard)));
  return {
    socket,
    heard: () => heard,
    closed,
    until: (text) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (heard.includes(text)) resolve(heard);
        };
        socket.on("data", look);
        void closed.then(resolve);
        look();
      }),
  };
}

export const head = (method: string, target: string, ...fields: readonly string[]): string =>
  `${[`${method} ${target} HTTP/1.1`, "Host: wire.example", ...fields].join("\r\n")}\r\n\r\n`;

/** Turns of the loop until it is so. */
export async function until(so: () => boolean): Promise<void> {
  while (!so()) await new Promise(setImmediate);
}
