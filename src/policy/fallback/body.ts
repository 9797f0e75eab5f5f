import type { Exchange } from "../../core/exchange.ts";
import type { JsonValue } from "../../core/settings.route.ts";
import type { FallbackAnswer } from "./strategy.ts";
import { compileJson, compileText, type Picks } from "./template.ts";

/** Makes answers of one status from a `body` of the manifest: a string is plain text, all else JSON. */
export function compileAnswer(
  status: number,
  body: JsonValue,
  picks: Picks = "no pick",
): (x: Exchange, pick?: string) => FallbackAnswer {
  const isText = typeof body === "string";
  const template = isText ? compileText(body, "plain", picks) : compileJson(body, picks);
  const headers = ["Content-Type", isText ? "text/plain; charset=utf-8" : "application/json"];
  return (x, pick) => ({ status, headers, body: Buffer.from(template.render(x, pick)) });
}
