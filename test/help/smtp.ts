import type { AddressInfo } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";

/** A mail as the server got it. */
export interface GotMail {
  readonly from: string;
  readonly to: readonly string[];
  /** Head and body as they came. */
  readonly raw: string;
  /** By lower-case name, unfolded. */
  readonly headers: Readonly<Record<string, string>>;
  /** Did it come over TLS? */
  readonly secure: boolean;
}

export interface TestMailServer {
  readonly port: number;
  readonly mails: readonly GotMail[];
  /** Answers the next mails with this reply instead of taking them; null: takes them. */
  refuse(reply: { readonly code: number; readonly text: string } | null): void;
  /** Resolves once `n` mails were taken, all told. */
  received(n: number): Promise<void>;
  /** Resolves once `n` were refused, all told. */
  refused(n: number): Promise<void>;
  stop(): Promise<void>;
}

/** A real SMTP server on loopback, without TLS and logins unless `options` say so. */
export async function startMailServer(options: SMTPServerOptions = {}, at = 0): Promise<TestMailServer> {
  const mails: GotMail[] = [];
  let refusing: { readonly code: number; readonly text: string } | null = null;
  let refusals = 0;
  const waiting = new Set<() => void>();
  const until = (done: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!done()) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  const wake = (): void => {
    for (const look of waiting) look();
  };
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: options.secure === true || options.cert !== undefined ? [] : ["STARTTLS"],
    logger: false,
    closeTimeout: 100,
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        if (refusing !== null) {
          refusals++;
          callback(Object.assign(new Error(refusing.text), { responseCode: refusing.code }));
          return wake();
        }
        const raw = Buffer.concat(chunks).toString();
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom === false ? "" : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          raw,
          headers: headersOf(raw),
          secure: session.secure,
        });
        callback();
        wake();
      });
    },
    ...options,
  });
  // A client that gives up is no error of the server.
  server.on("error", () => undefined);
  await new Promise<void>((resolve) => server.listen(at, "127.0.0.1", () => resolve()));
  return {
    port: (server.server.address() as AddressInfo).port,
    mails,
    refuse: (reply) => {
      refusing = reply;
    },
    received: (n) => until(() => mails.length >= n),
    refused: (n) => until(() => refusals >= n),
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function headersOf(raw: string): Record<string, string> {
  const [head = ""] = raw.split("\r\n\r\n");
  const unfolded = head.replace(/\r\n[ \t]+/g, " ");
  return Object.fromEntries(
    unfolded.split("\r\n").map((line) => {
      const [name = "", ...value] = line.split(":");
      return [name.toLowerCase(), value.join(":").trim()];
    }),
  );
}
