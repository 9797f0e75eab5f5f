import type { Clock } from "../core/clock.ts";
import type { Random } from "../core/random.ts";
import { alertsCommand } from "./alerts.ts";
import { appsCommand } from "./apps.ts";
import { breakerCommand } from "./breaker.ts";
import { checkCommand } from "./check.ts";
import type { Command } from "./command.ts";
import { deliveriesCommand } from "./deliveries.ts";
import { dlqCommand } from "./dlq.ts";
import { explainCommand } from "./explain.ts";
import { failoverCommand } from "./failover.ts";
import { healthCommand } from "./health.ts";
import { healthcheckCommand } from "./healthcheck.ts";
import { metricsCommand } from "./metrics.ts";
import { notificationsCommand } from "./notifications.ts";
import { notifyCommand } from "./notify.ts";
import { pauseCommand, resumeCommand } from "./parking.ts";
import { routesCommand } from "./routes.ts";
import { samplesCommand } from "./samples.ts";
import { schemaCommand } from "./schema.ts";
import { sendCommand } from "./send.ts";
import type { MoveSpool } from "./spool.move.ts";
import { spoolCommand } from "./spool.ts";
import { statusCommand } from "./status.ts";
import { tailCommand } from "./tail.ts";

/** What the commands stand on that the process edge has. */
export interface CommandDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Carries all jobs from one store into the other. */
  readonly move: MoveSpool;
}

/** Every command but those that hold the program together: `serve`, and `demo`, which starts it. */
export function commandsOf({ clock, random, move }: CommandDeps): readonly Command[] {
  return [
    checkCommand,
    explainCommand,
    schemaCommand,
    statusCommand,
    healthCommand,
    healthcheckCommand,
    routesCommand,
    appsCommand,
    metricsCommand(clock),
    samplesCommand,
    failoverCommand,
    breakerCommand,
    sendCommand(random),
    alertsCommand,
    deliveriesCommand(clock),
    pauseCommand,
    resumeCommand,
    dlqCommand(clock),
    spoolCommand(move),
    tailCommand,
    notificationsCommand,
    notifyCommand,
  ];
}
