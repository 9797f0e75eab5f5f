import type { LookupFunction, Socket } from "node:net";
import type { Fault } from "../../src/core/fault.ts";
import { type Certificate, createCertificate } from "../help/certificate.ts";
import { answering, closedPort, type Peer, resolver, startAsleep, startPeer, startTlsPeer } from "../help/peers.ts";

/** Every way in which no connection comes about, or one breaks at once, and what it is called. */
export interface FaultCase {
  readonly name: string;
  /** The peer, and the URL it is known by; `lookup` where the name in it is nobody's. */
  open(): Promise<{ peer: Peer | null; url: string; lookup?: LookupFunction; ca?: string }>;
  readonly fault: Pick<Fault, "reason" | "proxyError" | "written">;
  readonly detail: RegExp;
  /** It ends with `connect_timeout`, which is to be {@link SHORT_MS}. */
  readonly late?: true;
}

export const AUTHORITY: Certificate = createCertificate("test authority");
export const SERVER: Certificate = createCertificate("the app", AUTHORITY, { names: ["app.test"] });
const EXPIRED = createCertificate("of yesterday", AUTHORITY, { expired: true });
export const SHORT_MS = 250;
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

const atPort = (peer: Peer, scheme = "http", host = "127.0.0.1") => ({ peer, url: `${scheme}://${host}:${peer.port}` });
const named = (found: Parameters<typeof resolver>[0], url = "http://app.test:9") => ({
  peer: null,
  url,
  lookup: resolver(found),
});
const overTcp = (greet: (socket: Socket) => void) => async () => atPort(await startPeer(greet));
const overTls = (greet: (socket: Socket) => void) => async () => atPort(await startPeer(greet), "https");
const presenting = (certificate: Certificate, host?: string) => async () => ({
  ...atPort(await startTlsPeer(certificate, answering(OK)), "https", host),
  ca: AUTHORITY.cert,
});
const wantingCertificate = (maxVersion: "TLSv1.2" | "TLSv1.3") => async () => {
  const options = { ...SERVER, maxVersion, requestCert: true, ca: AUTHORITY.cert };
  return { ...atPort(await startTlsPeer(options, answering(OK)), "https"), ca: AUTHORITY.cert };
};

const UNWRITTEN = { written: false } as const;
const BROKEN_OFF = { reason: "reset", proxyError: "connection_terminated", written: true } as const;
const TLS = { reason: "tls", proxyError: "tls_protocol_error", ...UNWRITTEN } as const;
const CERTIFICATE = { reason: "tls", proxyError: "tls_certificate_error", ...UNWRITTEN } as const;
const TOO_SLOW = { reason: "connect", proxyError: "connection_timeout", ...UNWRITTEN } as const;

export const FAULTS: readonly FaultCase[] = [
  {
    name: "a port where nobody listens",
    open: async () => atPort(await closedPort()),
    fault: { reason: "connect", proxyError: "connection_refused", ...UNWRITTEN },
    detail: /^connection failed: ECONNREFUSED$/,
  },
  {
    name: "a name whose addresses all refuse",
    open: async () => named(["127.0.0.1", "127.0.0.2", "127.0.0.3"], `http://app.test:${(await closedPort()).port}`),
    fault: { reason: "connect", proxyError: "connection_refused", ...UNWRITTEN },
    detail: /^connection failed at all 3 addresses: ECONNREFUSED$/,
  },
  {
    name: "an address to which no route leads",
    open: async () => ({ peer: null, url: "http://255.255.255.255:9" }),
    fault: { reason: "connect", proxyError: "destination_ip_unroutable", ...UNWRITTEN },
    detail: /^connection failed: ENETUNREACH$/,
  },
  {
    name: "a name that nobody knows",
    open: async () => named({ code: "ENOTFOUND" }),
    fault: { reason: "dns", proxyError: "dns_error", ...UNWRITTEN },
    detail: /^name lookup failed: ENOTFOUND$/,
  },
  {
    name: "a resolver that answers with a failure of its own",
    open: async () => named({ code: "EAI_AGAIN" }),
    fault: { reason: "dns", proxyError: "dns_error", ...UNWRITTEN },
    detail: /^name lookup failed: EAI_AGAIN$/,
  },
  {
    name: "a resolver that found no answer in time",
    open: async () => named({ code: "ETIMEOUT" }),
    fault: { reason: "dns", proxyError: "dns_timeout", ...UNWRITTEN },
    detail: /^name lookup failed: ETIMEOUT$/,
  },
  {
    name: "a name without an address",
    open: async () => named([]),
    fault: { reason: "dns", proxyError: "dns_error", ...UNWRITTEN },
    detail: /^name lookup failed: ENODATA$/,
  },
  {
    name: "a name with an address that is none",
    open: async () => named(["nonsense"]),
    fault: { reason: "dns", proxyError: "dns_error", ...UNWRITTEN },
    detail: /^name lookup failed: ERR_INVALID_IP_ADDRESS$/,
  },
  {
    name: "a resolver that says nothing",
    open: async () => named(null),
    fault: { reason: "dns", proxyError: "dns_timeout", ...UNWRITTEN },
    detail: /^no connection to app.test:9 within 250 ms: its name is still being looked up$/,
    late: true,
  },
  {
    name: "a peer too busy to accept",
    open: async () => atPort(await startAsleep({ full: true })),
    fault: TOO_SLOW,
    detail: /^no connection to 127.0.0.1:\d+ within 250 ms$/,
    late: true,
  },
  {
    name: "a name whose addresses are all too busy to accept",
    open: async () => {
      const peer = await startAsleep({ full: true });
      // A deaf address takes at most a quarter of the time, so the last of these is under way at the end.
      return { ...named(["127.0.0.1", "127.0.0.1"], `http://app.test:${peer.port}`), peer };
    },
    fault: TOO_SLOW,
    detail: /^no connection to app.test:\d+ within 250 ms$/,
    late: true,
  },
  {
    name: "a peer that closes the connection at once",
    open: overTcp((socket) => void socket.destroy()),
    fault: BROKEN_OFF,
    detail: /^connection closed without an answer: /,
  },
  {
    name: "a peer that closes on the first byte",
    open: overTcp((socket) => void socket.once("data", () => socket.destroy())),
    fault: BROKEN_OFF,
    detail: /^connection closed without an answer: /,
  },
  {
    name: "a peer that resets on the first byte",
    open: overTcp((socket) => void socket.once("data", () => socket.resetAndDestroy())),
    fault: BROKEN_OFF,
    detail: /^connection closed without an answer: ECONNRESET$/,
  },
  {
    name: "plain HTTP to a port of TLS that drops it",
    open: async () => atPort(await startTlsPeer(SERVER, answering(OK))),
    fault: BROKEN_OFF,
    detail: /^connection closed without an answer: /,
  },
  {
    name: "plain HTTP to a port of TLS that says so in its own way",
    open: overTcp(answering("\x15\x03\x01\x00\x02\x02\x46")),
    fault: { reason: "invalid_response", proxyError: "http_protocol_error", written: true },
    detail: /Expected HTTP/,
  },
  {
    name: "a peer that closes during TLS",
    open: overTls((socket) => void socket.once("data", () => socket.end())),
    fault: TLS,
    detail: /ECONNRESET/,
  },
  {
    name: "a peer that resets during TLS",
    open: overTls((socket) => void socket.once("data", () => socket.resetAndDestroy())),
    fault: TLS,
    detail: /^TLS handshake failed: ECONNRESET$/,
  },
  {
    name: "TLS to a port of plain HTTP",
    open: overTls(answering("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")),
    fault: TLS,
    detail: /^TLS handshake failed: ERR_SSL_/,
  },
  {
    name: "a peer that says nothing during TLS",
    open: overTls(() => undefined),
    fault: TOO_SLOW,
    detail: /^no connection to 127.0.0.1:\d+ within 250 ms: the TLS handshake does not end$/,
    late: true,
  },
  {
    name: "a peer that breaks TLS off with an alert",
    open: async () => {
      const options = { ...SERVER, maxVersion: "TLSv1.2", ciphers: "ECDHE-RSA-AES128-GCM-SHA256" } as const;
      return atPort(await startTlsPeer(options, answering(OK)), "https");
    },
    fault: { reason: "tls", proxyError: "tls_alert_received", ...UNWRITTEN },
    detail: /^TLS handshake failed: ERR_SSL_.*_ALERT_/,
  },
  {
    name: "a peer that wants a certificate of ours, and says so during the handshake",
    open: wantingCertificate("TLSv1.2"),
    fault: { reason: "tls", proxyError: "tls_alert_received", ...UNWRITTEN },
    detail: /^TLS handshake failed: ERR_SSL_.*_ALERT_/,
  },
  {
    name: "a peer that wants a certificate of ours, and says so after it",
    open: wantingCertificate("TLSv1.3"),
    fault: { reason: "tls", proxyError: "tls_alert_received", ...UNWRITTEN },
    detail: /^TLS was broken off: ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED$/,
  },
  {
    name: "a certificate of an unknown authority",
    open: presenting(createCertificate("a stranger")),
    fault: CERTIFICATE,
    detail: /^TLS handshake failed: DEPTH_ZERO_SELF_SIGNED_CERT$/,
  },
  {
    name: "an expired certificate",
    open: presenting(EXPIRED),
    fault: CERTIFICATE,
    detail: /^TLS handshake failed: CERT_HAS_EXPIRED$/,
  },
  {
    name: "a certificate for another name",
    // Every address of 127.0.0.0/8 is the loopback; it is for one of them only.
    open: async () => {
      const peer = await startTlsPeer(SERVER, answering(OK), { host: "127.0.0.2" });
      return { ...atPort(peer, "https", "127.0.0.2"), ca: AUTHORITY.cert };
    },
    fault: CERTIFICATE,
    detail: /^TLS handshake failed: ERR_TLS_CERT_ALTNAME_INVALID$/,
  },
];
