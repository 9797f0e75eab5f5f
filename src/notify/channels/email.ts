import type { Socket } from "node:net";
import type { Transporter } from "nodemailer";
import { isMailAddress } from "../../core/mail.address.ts";
import type { ChannelSettings } from "../../core/settings.service.ts";
import type { CallDeps, Destination } from "../call.ts";
import { type Channel, notSent, type TryResult } from "../channel.ts";
import type { Mask } from "../excerpt.ts";
import type { Notice } from "../notice.ts";
import { plainLine } from "../plain.ts";
import { mailText } from "../render/mail.ts";

/**
 * Mail. Each try has a connection of its own, opened where who may be dialled is decided: mails are few, and a kept
 * connection would be stale. Its Message-ID is the notification's own, the same on every try.
 */
export type EmailSettings = Extract<ChannelSettings, { type: "email" }>;

export interface EmailDeps extends CallDeps {
  /** Replaces the secrets of the manifest that the settings are from. */
  readonly mask: Mask;
}

export function createEmailChannel(settings: EmailSettings, { clock, connector, mask }: EmailDeps): Channel {
  const { name, retry, perMinute, timeoutMs, from, to } = settings;
  const server = serverOf(settings.smtp);
  const transportOptions = {
    host: server.to.hostname,
    port: server.to.port,
    secure: server.to.secure,
    ...(server.auth !== null && { auth: server.auth }),
    // With a password nothing goes over the wire in the clear, but to this machine.
    requireTLS: server.auth !== null && !server.to.secure && !isHere(server.to.hostname),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
    getSocket(
      _options: unknown,
      callback: (error: Error | null, found?: { connection: Socket; secured: boolean }) => void,
    ) {
      const dial = connector(server.to, timeoutMs);
      dial(null, (error, socket) => {
        if (error !== null || socket === null) callback(error ?? new Error("no connection"));
        else callback(null, { connection: socket, secured: server.to.secure });
      });
    },
  };
  let made: Promise<Transporter> | null = null;
  // Loaded with the first mail: who sends none has no use for it.
  const transport = (): Promise<Transporter> => {
    made ??= import("nodemailer").then(({ default: nodemailer }) => nodemailer.createTransport(transportOptions));
    return made;
  };
  const send = async (notice: Notice, recipients: readonly string[], signal: AbortSignal): Promise<TryResult> => {
    const cut = new AbortController();
    const timer = clock.after(timeoutMs, () => cut.abort(new Error(`not sent within ${timeoutMs} ms`)), undefined);
    const stop = (): void => cut.abort(new Error("cut off: outrigger is stopping"));
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    try {
      await (await transport()).sendMail({ ...letter(notice, from, recipients), signal: cut.signal });
      return { kind: "sent", status: 250 };
    } catch (error) {
      return judgeMail(cut.signal.aborted ? cut.signal.reason : error, mask);
    } finally {
      clock.cancel(timer);
      signal.removeEventListener("abort", stop);
    }
  };
  return {
    name,
    retry,
    perMinute,
    forOwner: to === "owner",
    summaries: true,
    async attempt(notice, signal) {
      if (to !== "owner") return send(notice, to, signal);
      const { owner } = notice;
      if (owner === null || !isMailAddress(owner)) return notSent("final", 0, "the app's owner is no mail address");
      return send(notice, [owner], signal);
    },
  };
}

function letter({ id, type, message }: Notice, from: string, to: readonly string[]) {
  const [, domain = "outrigger.invalid"] = /@([A-Za-z0-9.-]+)>?$/.exec(from) ?? [];
  return {
    from,
    to: [...to],
    ...mailText(message),
    messageId: `<${id}@${domain}>`,
    date: new Date(message.at),
    // RFC 3834: nobody's holiday answers it.
    headers: { "Auto-Submitted": "auto-generated", "X-Outrigger-Event": type },
  };
}

interface MailServer {
  readonly to: Destination;
  readonly auth: { readonly user: string; readonly pass: string } | null;
}

/** The manifest has seen to the form. */
function serverOf(smtp: string): MailServer {
  const { protocol, hostname, port, username, password } = new URL(smtp);
  const secure = protocol === "smtps:";
  const host = hostname.replace(/^\[|\]$/g, "");
  const number = port === "" ? (secure ? 465 : 587) : Number(port);
  return {
    to: { secure, hostname: host, port: number, authority: `${hostname}:${number}` },
    auth: username === "" ? null : { user: decodeURIComponent(username), pass: decodeURIComponent(password) },
  };
}

function isHere(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || hostname.startsWith("127.");
}

/** What nodemailer says of a failure. A 5xx is the server's last word (RFC 5321 section 4.2.1), all else may pass. */
function judgeMail(error: unknown, mask: Mask): TryResult {
  const { message, responseCode, response } = error as Error & { responseCode?: number; response?: string };
  const status = responseCode ?? 0;
  const answer = typeof response === "string" ? plainLine(mask(response), 200) : null;
  const detail = status > 0 ? `the mail server answered ${status}` : plainLine(mask(message), 300);
  return { ...notSent(status >= 500 ? "final" : "again", status, detail), answer };
}
