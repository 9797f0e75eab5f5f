import type { Socket } from "node:net";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import type { SMTPServerOptions } from "smtp-server";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { compileEgress } from "../../src/core/egress.ts";
import { createCertificate } from "../help/certificate.ts";
import { breakerMoved, upstreamMoved } from "../help/events.ts";
import { createNotifyRig, emailChannel, type NotifyRig } from "../help/notify.ts";
import { startPeer } from "../help/peers.ts";
import { startMailServer, type TestMailServer } from "../help/smtp.ts";

const authority = createCertificate("the authority of the test");
const known = getCACertificates("default");
beforeAll(() => setDefaultCACertificates([...known, authority.cert]));
afterAll(() => setDefaultCACertificates([...known]));

const RULES = [{ on: ["breaker.opened", "failover", "manifest.rejected"], apps: null, to: ["mail"] }];

async function start(options: SMTPServerOptions = {}): Promise<{ server: TestMailServer; rig: NotifyRig }> {
  const server = await startMailServer(options);
  const rig = createNotifyRig();
  onTestFinished(async () => {
    await rig.notifier[Symbol.asyncDispose]();
    await server.stop();
  });
  return { server, rig };
}

const smtp = (server: { readonly port: number }, userinfo = "", scheme = "smtp"): string =>
  `${scheme}://${userinfo}127.0.0.1:${server.port}`;

/** Logs in as `outrigger` with this password only. */
const loginWith = (password: string): SMTPServerOptions => ({
  authOptional: false,
  allowInsecureAuth: true,
  onAuth: ({ username, password: given }, _session, callback) => {
    if (username === "outrigger" && given === password) callback(null, { user: username });
    else callback(Object.assign(new Error(`no: ${given}`), { responseCode: 535 }));
  },
});

test("a mail says what happened, since when, what it means and what to do, with a link, in text and HTML", async () => {
  const { server, rig } = await start();
  rig.apply([emailChannel({ smtp: smtp(server), from: "Outrigger <outrigger@ops.example>" })], RULES);
  rig.notifier.record(breakerMoved());
  expect(await rig.line(1)).toMatchObject({ level: "info", message: "told mail of breaker.opened of quiz" });
  const [mail] = server.mails;
  expect(mail).toMatchObject({ from: "outrigger@ops.example", to: ["ops@ops.example"], secure: false });
  expect(mail?.headers).toMatchObject({
    subject: "[outrigger] quiz/winner: breaker opened on primary",
    from: "Outrigger <outrigger@ops.example>",
    "message-id": "<notice-1@ops.example>",
    "auto-submitted": "auto-generated",
    "x-outrigger-event": "breaker.opened",
  });
  const text = String(mail?.raw).replaceAll("=\r\n", "");
  expect(text).toContain("The circuit breaker of quiz/winner on primary opened: too many calls in a row failed.");
  expect(text).toContain("Since 2026-01-01T00:00:00.000Z.");
  expect(text).toContain("another upstream or the fallback answers them");
  expect(text).toContain("outrigger breaker show quiz winner");
  expect(text).toContain("https://outrigger.example/#/notifications/notice-1");
  expect(text).toMatch(/Content-Type: text\/html/);
  expect(rig.marks).toEqual(["mail waiting after 0", "mail sent after 1"]);
});

test("the owner of an app gets mail of that app, and of nothing that is of no app", async () => {
  const { server, rig } = await start();
  rig.apply([emailChannel({ smtp: smtp(server), to: "owner" })], RULES);
  rig.notifier.record({ type: "manifest.rejected", at: 0, by: "file", problems: ["x"] });
  rig.notifier.record(upstreamMoved());
  await server.received(1);
  await rig.line(1);
  expect(server.mails.map(({ to }) => to)).toEqual([["dev@quiz.example"]]);
  expect(rig.lines).toHaveLength(1);
});

test.each(["smtps", "smtp"])(
  "over %s with a certificate that is good: mail and password go encrypted",
  async (scheme) => {
    const { cert, key } = createCertificate("mail", authority);
    const { server, rig } = await start({
      ...loginWith("s3cret/word"),
      allowInsecureAuth: false,
      secure: scheme === "smtps",
      cert,
      key,
    });
    rig.apply([emailChannel({ smtp: smtp(server, "outrigger:s3cret%2Fword@", scheme) })], RULES);
    rig.notifier.record(upstreamMoved());
    expect(await rig.line(1)).toMatchObject({ level: "info", fields: { status: 250 } });
    expect(server.mails).toMatchObject([{ secure: true }]);
  },
);

test.each(["smtps", "smtp"])("over %s with a certificate that nobody vouches for: nothing is sent", async (scheme) => {
  const { cert, key } = createCertificate("nobody");
  const { server, rig } = await start({ secure: scheme === "smtps", cert, key });
  rig.apply([emailChannel({ smtp: smtp(server, "", scheme), retry: ONCE })], RULES);
  rig.notifier.record(upstreamMoved());
  expect(await rig.line(1)).toMatchObject({
    level: "error",
    fields: { status: 0, detail: expect.stringMatching(/TLS|certificate/) },
  });
  expect(server.mails).toEqual([]);
});

const ONCE = { attempts: 1, initialMs: 1, maxMs: 1 };

test("a wrong password is final, and no line of ours shows it, though the server does", async () => {
  const { server, rig } = await start(loginWith("right"));
  rig.apply([emailChannel({ smtp: smtp(server, "outrigger:a-secret-of-the-manifest@") })], RULES);
  rig.notifier.record(upstreamMoved());
  const { fields, message } = await rig.line(1);
  expect(fields).toMatchObject({ status: 535, attempts: 1, detail: "the mail server answered 535" });
  expect(JSON.stringify([fields, message])).not.toContain("a-secret-of-the-manifest");
});

test("a 4xx is tried again until it is taken; its Message-ID stays the same", async () => {
  const { server, rig } = await start();
  server.refuse({ code: 451, text: "greylisted" });
  rig.apply([emailChannel({ smtp: smtp(server) })], RULES);
  rig.notifier.record(upstreamMoved());
  await rig.repeat(1);
  server.refuse(null);
  rig.clock.advance(1000);
  expect(await rig.line(1)).toMatchObject({ level: "info", fields: { attempts: 2 } });
  expect(server.mails.map(({ headers }) => headers["message-id"])).toEqual(["<notice-1@ops.example>"]);
});

test("a 5xx is the last word, and the mail is failed", async () => {
  const { server, rig } = await start();
  server.refuse({ code: 550, text: "no such user" });
  rig.apply([emailChannel({ smtp: smtp(server) })], RULES);
  rig.notifier.record(upstreamMoved());
  expect(await rig.line(1)).toMatchObject({
    level: "error",
    fields: { status: 550, attempts: 1, answer: expect.stringContaining("no such user") },
  });
  expect(rig.marks.at(-1)).toBe("mail failed after 1");
});

test("a server that is down, or comes up later, is tried again", async () => {
  const { server, rig } = await start();
  await server.stop();
  rig.apply([emailChannel({ smtp: smtp(server) })], RULES);
  rig.notifier.record(upstreamMoved());
  await rig.repeat(1);
  const later = await startMailServer({}, server.port);
  onTestFinished(() => later.stop());
  rig.clock.advance(1000);
  expect(await rig.line(1)).toMatchObject({ level: "info", fields: { attempts: 2 } });
  expect(later.mails).toHaveLength(1);
});

test("a server that takes the connection and says nothing is given up when the time of a try is over", async () => {
  const sockets: Socket[] = [];
  const peer = await startPeer((socket) => void sockets.push(socket));
  const { rig } = await start();
  onTestFinished(() => peer.stop());
  rig.apply([emailChannel({ smtp: smtp(peer), timeoutMs: 700, retry: ONCE })], RULES);
  rig.notifier.record(upstreamMoved());
  while (sockets.length === 0) await new Promise(setImmediate);
  // The client's connection is up in the turn in which the server's is, or soon after.
  await expect
    .poll(() => {
      rig.clock.advance(700);
      return rig.lines.length;
    })
    .toBe(1);
  expect(rig.lines[0]).toMatchObject({ level: "error", fields: { detail: expect.stringContaining("700 ms") } });
});

test("a mail server where the manifest lets nobody be dialled is not dialled", async () => {
  const { server } = await start();
  const rig = createNotifyRig("none", compileEgress({ default: "public", allow: [], deny: [] }, null));
  rig.apply([emailChannel({ smtp: smtp(server), retry: ONCE })], RULES);
  rig.notifier.record(upstreamMoved());
  expect(await rig.line(1)).toMatchObject({ level: "error", fields: { status: 0 } });
  expect(server.mails).toEqual([]);
});

test("hostile text is harmless in mail: no header, no recipient and no markup comes of it", async () => {
  const { server, rig } = await start();
  rig.apply([emailChannel({ smtp: smtp(server) })], RULES);
  const by = "<script>alert(1)</script>\r\nBcc: x@evil.example\u001b[2J\r\n.\r\nRCPT TO:<y@evil.example>";
  rig.notifier.record(breakerMoved({ upstream: by, capability: "<b>\r\nX-Evil: 1" }));
  expect(await rig.line(1)).toMatchObject({ level: "info" });
  const [mail] = server.mails;
  expect(mail?.to).toEqual(["ops@ops.example"]);
  expect(Object.keys(mail?.headers ?? {})).not.toEqual(expect.arrayContaining(["bcc"]));
  expect(Object.keys(mail?.headers ?? {})).not.toEqual(expect.arrayContaining(["x-evil"]));
  const raw = String(mail?.raw).replaceAll("=\r\n", "");
  const html = raw.slice(raw.indexOf("text/html"));
  expect(html).toContain("&lt;script&gt;alert(1)&lt;/script&gt; Bcc: x@evil.example");
  expect(html).not.toContain("<script");
  expect(raw).not.toContain("\u001b");
});
