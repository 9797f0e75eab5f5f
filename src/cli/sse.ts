/** One message of an event stream. */
export interface ServerEvent {
  /** null where it has none. */
  readonly id: string | null;
  readonly event: string;
  readonly data: string;
}

/** A line longer than this is no event of ours. */
const MAX_LINE = 1024 * 1024;

/** The messages of a stream, as WHATWG HTML section 9.2.6 reads them; comments and `retry` are left out. */
export async function* serverEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent> {
  let id: string | null = null;
  let event = "message";
  let data: string[] = [];
  for await (const line of linesOf(body)) {
    if (line === "") {
      if (data.length > 0) yield { id, event, data: data.join("\n") };
      id = null;
      event = "message";
      data = [];
      continue;
    }
    const [, name, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === "id") id = value;
    else if (name === "event") event = value;
    else if (name === "data") data.push(value);
  }
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_LINE) throw new Error("a line of the event stream does not end");
    for (const line of lines) yield line.endsWith("\r") ? line.slice(0, -1) : line;
  }
}
