import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { systemClock } from "../../src/core/clock.ts";
import { endToEnd } from "../../src/core/headers.ts";
import type { LimitSettings } from "../../src/core/settings.service.ts";
import { refusalBytes } from "../../src/proxy/wire.refusal.ts";
import { hasBody, isWebSocket, prepareServer, serverOptions } from "../../src/proxy/wire.server.ts";
import { checkRequest, parseTarget, type Refusal } from "../../src/proxy/wire.ts";
import { parseMessages } from "../help/raw.ts";
import { LIMITS } from "./limits.ts";
import { runRequestVectors, type Subject } from "./vectors.run.ts";

/** The checks alone, in front of a recorder: what they let through is what any mode would forward. */
async function startChecks(limits: LimitSettings): Promise<Subject> {
  let seen: Buffer[] = [];
  const server = createServer(serverOptions(limits, isWebSocket));
  prepareServer(server, { clock: systemClock, told: () => "test" });
  const serve = (req: IncomingMessage, res: ServerResponse): void => {
    const refused = checkRequest(req, limits);
    if (typeof refused !== "string") return refuse(res, refused);
    const target = parseTarget(req.url ?? "");
    if (target.kind === "refused") return refuse(res, target.refusal);
    if (target.kind === "absolute") return refuse(res, { ...MISDIRECTED });
    const chunks: Buffer[] = [];
    const forward = (): void => {
      const body = Buffer.concat(chunks);
      const fields = endToEnd(req.rawHeaders, new Set(["content-length", "expect"]));
      const lines = fields.flatMap((_, i) => (i % 2 === 0 ? [`${fields[i]}: ${fields[i + 1]}\r\n`] : []));
      const head = `${req.method} ${target.path}${target.query} HTTP/1.1\r\n${lines.join("")}`;
      seen.push(Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n`, "latin1"), body);
      res.writeHead(200, ["Content-Length", "2"]).end("ok");
    };
    // With optimizeEmptyRequests a request without a body has no `end` event.
    if (!hasBody(req)) return forward();
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("error", () => undefined);
    req.on("end", forward);
  };
  server.on("request", serve).on("checkContinue", serve).on("checkExpectation", serve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    upstreamSaw: () => Buffer.concat(seen),
    upstreamRequests: () => parseMessages(Buffer.concat(seen)).messages,
    forget: () => {
      seen = [];
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const MISDIRECTED = { status: 400, name: "other-authority", title: "", detail: "", reason: null, close: true } as const;

function refuse(res: ServerResponse, refused: Refusal): void {
  const { headers, body } = parseMessages(refusalBytes(refused, "test")).messages[0] ?? { headers: [], body: "" };
  res.writeHead(refused.status, [...headers]).end(body);
}

runRequestVectors("the wire checks", () => startChecks(LIMITS));
