/** One message of an event stream. Comments are left out. */
export interface Message {
  readonly id: string | null;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** Reads messages off a stream as they come. `comments` grows as comments do. */
export function readMessages(response: Response): {
  next(): Promise<Message | null>;
  take(n: number): Promise<Message[]>;
  readonly comments: string[];
  cancel(): Promise<void>;
} {
  if (response.body === null) throw new Error("no body");
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const comments: string[] = [];
  let text = "";
  const block = async (): Promise<string | null> => {
    for (;;) {
      const end = text.indexOf("\n\n");
      if (end >= 0) {
        const found = text.slice(0, end);
        text = text.slice(end + 2);
        return found;
      }
      const { done, value } = await reader.read();
      if (done) return null;
      text += value;
    }
  };
  const next = async (): Promise<Message | null> => {
    for (;;) {
      const found = await block();
      if (found === null) return null;
      const field = (name: string): string | null => new RegExp(`^${name}: (.*)$`, "m").exec(found)?.[1] ?? null;
      if (found.startsWith(":")) comments.push(found);
      const data = field("data");
      if (data !== null) return { id: field("id"), event: field("event") ?? "message", data: JSON.parse(data) };
    }
  };
  return {
    next,
    async take(n) {
      const messages: Message[] = [];
      while (messages.length < n) {
        const message = await next();
        if (message === null) throw new Error(`the stream ended after ${messages.length} of ${n} messages`);
        messages.push(message);
      }
      return messages;
    },
    comments,
    cancel: () => reader.cancel(),
  };
}
