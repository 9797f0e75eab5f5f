import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../core/clock.ts";
import { PROBLEM_JSON, problem } from "../core/problem.ts";
import { bind } from "./listener.bind.ts";
import { dropStalled } from "./stalled.ts";
import { type Refusal, type Refuser, refusal } from "./wire.refusal.ts";
import { endWith, isEnding, prepareServer } from "./wire.server.ts";
import { checkRequest, parseTarget } from "./wire.ts";

/**
 * What is refused at the proxy's listener is refused at another one, too, where there are no routes, no hosts to name
 * and no app to protect: bytes that two programs on the way could read in two ways.
 */

/** Fields that go with each refusal. */
type Fields = Readonly<Record<string, string>>;

const MAX_HEADERS = { headers: 100 };
const ABSOLUTE = refusal(400, "the request target must be a path");

/** The wire of a listener whose requests `admits` looks at. `stalledMs`: see {@link dropStalled}. */
export function strictWire(clock: Clock, stalledMs?: number) {
  return {
    bind,
    prepare(server: Server, fields: Fields): void {
      const refuser: Refuser = { clock, told: () => "", own: fields };
      prepareServer(server, refuser);
      dropStalled(server, clock, stalledMs);
    },
    /** What is wrong with a request on the wire, or null. */
    wrong: refusalOf,
    /** False where the request is not to be served: then it has its answer, and its connection ends. */
    admits(req: IncomingMessage, res: ServerResponse, fields: Fields): boolean {
      if (isEnding(req.socket as Socket)) return false;
      const refused = refusalOf(req);
      if (refused === null) return true;
      const { status, name, title, detail } = refused;
      const body = JSON.stringify(problem(status, name, title, detail));
      endWith(res);
      res.writeHead(status, {
        ...fields,
        ...(refused.allow && { Allow: refused.allow.join(", ") }),
        "Content-Type": PROBLEM_JSON,
        "Content-Length": Buffer.byteLength(body),
        Connection: "close",
      });
      res.end(body);
      return false;
    },
  };
}

function refusalOf(req: IncomingMessage): Refusal | null {
  // Probes of load balancers speak HTTP/1.0, and name no host.
  const hostless = req.httpVersionMinor === 0 && req.headers.host === undefined;
  const checked = checkRequest(req, MAX_HEADERS, hostless);
  if (typeof checked !== "string") return checked;
  const target = parseTarget(req.url ?? "");
  if (target.kind === "refused") return target.refusal;
  return target.kind === "absolute" ? ABSOLUTE : null;
}
