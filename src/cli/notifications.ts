import { type NotificationView, notificationSchema } from "../admin/routes/notifications.ts";
import { ok } from "../core/result.ts";
import { type Command, type ExitCode, type Io, paint, usage } from "./command.ts";
import { jsonText, type RemoteOptions, remotely, remoteOptions } from "./remote.ts";
import { type Cell, table } from "./table.ts";

/** `notifications list|read`: what people were to be told, and whether they were. */
export const notificationsCommand: Command = {
  name: "notifications",
  register(program, io, settle) {
    const notifications = program
      .command("notifications")
      .description("what people were to be told, and whether they were");
    remoteOptions(notifications.command("list").description("the newest first"))
      .option("--app <app>", "only of this app")
      .option("--room <room>", "only of this room")
      .option("--type <event>", "only of this event, such as breaker.opened")
      .option("--unread", "only what nobody has read")
      .option("--limit <n>", "at most this many", "20")
      .action(async (options: ListOptions) => settle(await list(io, options)));
    remoteOptions(
      notifications.command("read <id>").description("show one whole, and say that it has been read"),
    ).action(async (id: string, options: RemoteOptions) => settle(await read(io, id, options)));
  },
};

interface ListOptions extends RemoteOptions {
  readonly app?: string;
  readonly room?: string;
  readonly type?: string;
  readonly unread?: true;
  readonly limit: string;
}

const MAX_LIMIT = 1_000;

async function list(io: Io, options: ListOptions): Promise<ExitCode> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    return usage(io, `${options.limit} is no limit`, `Try: --limit 100; at most ${MAX_LIMIT}`);
  const query = new URLSearchParams();
  for (const key of ["app", "room", "type"] as const) {
    const value = options[key];
    if (value !== undefined) query.set(key, value);
  }
  if (options.unread === true) query.set("unread", "true");
  const path = query.size === 0 ? "/notifications" : `/notifications?${query}`;
  return remotely(io, options, async (client) => {
    const answer = await client.head(path, notificationSchema, limit);
    if (!answer.ok) return answer;
    const { items, more } = answer.value;
    if (options.json) io.stdout(jsonText({ items }));
    else io.stdout(items.length === 0 ? "no notifications\n" : listTable(items, io));
    if (more && limit < MAX_LIMIT)
      io.stderr(`there are more: see them with --limit ${Math.min(limit * 10, MAX_LIMIT)}\n`);
    return ok(0);
  });
}

function read(io: Io, id: string, options: RemoteOptions): Promise<ExitCode> {
  return remotely(io, options, async (client) => {
    const answer = await client.post(`/notifications/${encodeURIComponent(id)}/read`, {}, notificationSchema);
    if (!answer.ok) return answer;
    io.stdout(options.json ? jsonText(answer.value) : whole(answer.value, io));
    return ok(0);
  });
}

function listTable(items: readonly NotificationView[], io: Io): string {
  const rows = items.map((one): Cell[] => [
    one.read_at === null ? "*" : "",
    one.at,
    severityCell(one.severity, io),
    one.title,
    one.room ?? "",
    toldText(one.deliveries),
    one.id,
  ]);
  return table(["", "AT", "SEVERITY", "TITLE", "ROOM", "TOLD", "ID"], rows);
}

function severityCell(severity: NotificationView["severity"], io: Io): Cell {
  const { red, yellow, green, dim } = paint(io);
  return { text: severity, paint: { critical: red, warning: yellow, good: green, info: dim }[severity] };
}

/** As in `chat sent, admins failed`. */
function toldText(deliveries: NotificationView["deliveries"]): string {
  return deliveries.map(({ channel, state }) => `${channel} ${state}`).join(", ") || "-";
}

function whole(one: NotificationView, io: Io): string {
  const lines: Cell[][] = [
    ["title", one.title],
    ["at", one.at],
    ["severity", severityCell(one.severity, io)],
    ["text", one.text],
    ["try", one.command ?? "-"],
    ["room", one.room ?? "-"],
    ["read by", one.read_by ?? "-"],
    ...one.deliveries.map(({ channel, state, attempts, detail }): Cell[] => [
      `to ${channel}`,
      `${state} after ${attempts} ${attempts === 1 ? "try" : "tries"}${detail === null ? "" : `: ${detail}`}`,
    ]),
  ];
  return table(["", ""], lines).split("\n").slice(1).join("\n");
}
