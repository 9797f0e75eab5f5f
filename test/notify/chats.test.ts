import { Webhook } from "standardwebhooks";
import { expect, onTestFinished, test } from "vitest";
import { type Behaviour, json, startTestApp, type TestApp } from "../help/app.ts";
import { breakerMoved, fallbackUsed, upstreamMoved } from "../help/events.ts";
import { type ChatSettings, chatChannel, createNotifyRig, type NotifyRig, webhookChannel } from "../help/notify.ts";

async function start(first?: Behaviour): Promise<{ readonly app: TestApp; readonly rig: NotifyRig }> {
  const app = await startTestApp(first);
  const rig = createNotifyRig();
  onTestFinished(async () => {
    await app.stop();
    await rig.notifier[Symbol.asyncDispose]();
  });
  return { app, rig };
}

const bodies = (app: TestApp): unknown[] => app.got.map(({ body }) => JSON.parse(String(body)));
const RULES = [{ on: ["breaker.opened", "failover", "fallback.used"], apps: null, to: ["chat"] }];

test("Slack gets blocks: what and since when, what it means, what to do, the command, and a link", async () => {
  const { app, rig } = await start();
  rig.apply([chatChannel({ type: "slack", url: `${app.url}/services/T0/B0/x` })], RULES);
  rig.notifier.record(upstreamMoved());
  await rig.line(1);
  expect(app.got[0]).toMatchObject({ method: "POST", url: "/services/T0/B0/x" });
  expect(bodies(app)).toEqual([
    {
      text: "quiz: failover from primary to backup",
      blocks: [
        { type: "header", text: { type: "plain_text", text: "⚠ quiz: failover from primary to backup", emoji: false } },
        {
          type: "section",
          text: {
            type: "plain_text",
            emoji: false,
            text: [
              "Traffic of quiz moved from primary to backup (consecutive failures), 812 ms after the first sign. Since 2026-01-01T00:00:00.000Z.",
              "backup answers the calls of quiz now; what could be repeated was sent there.",
              "Look at primary. Traffic goes back by itself once it has been well for a while.",
            ].join("\n"),
          },
        },
        { type: "section", text: { type: "mrkdwn", text: "`outrigger failover show quiz`" } },
        {
          type: "context",
          elements: [{ type: "mrkdwn", text: "<https://outrigger.example/#/notifications/notice-1|Dashboard>" }],
        },
      ],
    },
  ]);
});

test("Discord gets an embed in which nobody is mentioned, with room and reason of a fallback", async () => {
  const { app, rig } = await start();
  rig.apply([chatChannel({ type: "discord", url: `${app.url}/api/webhooks/1/x` })], RULES);
  rig.notifier.record(fallbackUsed({ labels: { room: "42" } }));
  await rig.line(1);
  const [body] = bodies(app);
  expect(body).toMatchObject({
    allowed_mentions: { parse: [] },
    embeds: [
      {
        title: "⚠ quiz/winner: fallback used \\(timeout\\)",
        url: "https://outrigger.example/#/notifications/notice-1",
        timestamp: "2026-01-01T00:00:00.000Z",
      },
    ],
  });
  const text = JSON.stringify(body);
  expect(text).toContain("since the app did not: timeout");
  expect(text).toContain("A winner was picked at random in the app's place");
  expect(text).toContain("Room: 42");
});

test("a chat's 429 is tried again when it says, not sooner", async () => {
  const { app, rig } = await start(json(429, { retry_after: 9 }, { "Retry-After": "9" }));
  rig.apply([chatChannel({ type: "discord", url: app.url })], RULES);
  rig.notifier.record(breakerMoved());
  await rig.repeat(1);
  app.behave(json(204, null));
  rig.clock.advance(8999);
  expect(app.got).toHaveLength(1);
  rig.clock.advance(1);
  expect(await rig.line(1)).toMatchObject({ level: "info", fields: { attempts: 2 } });
});

test("a chat that knows the URL no more is told once, and the log does not show the URL", async () => {
  const { app, rig } = await start((got, res) => json(404, { message: `no ${got.url}` })(got, res, 0));
  rig.apply([chatChannel({ type: "slack", url: `${app.url}/services/a-very-long-credential` })], RULES);
  rig.notifier.record(breakerMoved());
  const line = await rig.line(1);
  expect(line).toMatchObject({ level: "error", fields: { status: 404, attempts: 1 } });
  expect(JSON.stringify(line)).not.toContain("a-very-long-credential");
});

const SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";

test("a webhook is signed as Standard Webhooks has it, and its id is the same on every try", async () => {
  const { app, rig } = await start(json(500, {}));
  rig.apply([webhookChannel({ url: app.url, secret: SECRET })], [{ on: ["failover"], apps: null, to: ["hook"] }]);
  rig.notifier.record(upstreamMoved());
  await rig.repeat(1);
  app.behave(json(200, {}));
  rig.clock.advance(1000);
  await rig.line(1);
  const webhook = new Webhook(SECRET);
  for (const { body, headers } of app.got) {
    const verified = webhook.verify(String(body), headers as Record<string, string>);
    expect(verified).toMatchObject({
      id: "notice-1",
      type: "failover",
      timestamp: "2026-01-01T00:00:00.000Z",
      data: { app: "quiz", from: "primary", to: "backup", to_url: "http://10.0.0.6:9000/base" },
      message: { title: "quiz: failover from primary to backup", severity: "warning", command: expect.any(String) },
    });
  }
  expect(app.got.map(({ headers }) => headers["webhook-id"])).toEqual(["notice-1", "notice-1"]);
  expect(() => webhook.verify("{}", app.got[0]?.headers as Record<string, string>)).toThrow();
});

test("a webhook without a secret has the id, and no signature", async () => {
  const { app, rig } = await start();
  rig.apply([webhookChannel({ url: app.url, secret: null })], [{ on: ["failover"], apps: null, to: ["hook"] }]);
  rig.notifier.record(upstreamMoved());
  await rig.line(1);
  expect(app.got[0]?.headers).toMatchObject({ "webhook-id": "notice-1" });
  expect(app.got[0]?.headers).not.toHaveProperty("webhook-signature");
});

test("what is more than a channel's rate is told as one when the minute is over", async () => {
  const { app, rig } = await start();
  rig.apply([chatChannel({ type: "slack", url: app.url, perMinute: 2 })], RULES);
  for (let i = 0; i < 5; i++) rig.notifier.record(breakerMoved());
  rig.notifier.record(upstreamMoved());
  await rig.line(2);
  expect(app.got).toHaveLength(2);
  rig.clock.advance(60_000);
  await rig.line(3);
  expect(JSON.stringify(bodies(app)[2])).toContain(
    "4 more notifications came within a minute and are told as this one: 3 × breaker.opened, 1 × failover.",
  );
  rig.notifier.record(breakerMoved());
  await rig.line(4);
  expect(app.got).toHaveLength(4);
  // In the ledger each has its line.
  expect(rig.kept.map(({ type }) => type)).toEqual([
    ...Array.from({ length: 5 }, () => "breaker.opened"),
    "failover",
    "notifications.held_back",
    "breaker.opened",
  ]);
});

test("a test message goes out at once, whatever the rules say, and its result is known", async () => {
  const { app, rig } = await start();
  rig.apply([chatChannel({ type: "slack", url: app.url })], []);
  const { signal } = new AbortController();
  expect(await rig.notifier.test("chat", "ops", signal)).toEqual({ kind: "sent", status: 200 });
  expect(JSON.stringify(bodies(app)[0])).toContain("ops asked for a test message.");
  app.behave(json(403, {}));
  expect(await rig.notifier.test("chat", "ops", signal)).toMatchObject({ kind: "final", detail: "answered 403" });
  expect(await rig.notifier.test("nothing", "ops", signal)).toBeNull();
});

const HOSTILE = `<script>alert(1)</script> @everyone <!channel> <https://evil.example|click> [x](https://evil.example) \`\r\nBcc: x@evil.example\u001b[2J\u202e`;

/** Such a name comes from a caller as a label, or from an app in what it says. */
const hostile = fallbackUsed({ labels: { room: HOSTILE } });

test.each(["slack", "discord"] as const)("hostile text is harmless in %s", async (type: ChatSettings["type"]) => {
  const { app, rig } = await start();
  rig.apply([chatChannel({ type, url: app.url })], RULES);
  rig.notifier.record(hostile);
  await rig.line(1);
  const raw = String(app.got[0]?.body);
  for (const bad of ["\\u001b", "\u001b", "\u202e", "\\r", "\r"]) expect(raw).not.toContain(bad);
  if (type === "slack") {
    const texts = (bodies(app)[0] as { blocks: { text?: { type: string; text: string } }[] }).blocks;
    const marked = texts.filter(({ text }) => text?.type === "mrkdwn").map(({ text }) => text?.text);
    expect(marked).toEqual(["`outrigger breaker show quiz winner`"]);
  } else {
    expect(raw).toContain('"allowed_mentions":{"parse":[]}');
    const [embed] = (bodies(app)[0] as { embeds: { description: string }[] }).embeds;
    expect(embed?.description).toContain("\\<script\\>");
    expect(embed?.description).toContain("\\[x\\]\\(https:\\//evil.example\\)");
  }
});
