import { type JobState, OWN_APP } from "../core/job.ts";
import type { RouteSurvey, Survey } from "../spool/port.ts";

/** What there is in the spool for people to see: all but our own jobs, which are no deliveries. */
export async function appsOnly(asked: Promise<Survey>): Promise<Survey> {
  const survey = await asked;
  const own = survey.routes.filter(({ app }) => app === OWN_APP);
  if (own.length === 0) return survey;
  const less = (state: JobState, of: (route: RouteSurvey) => number): number =>
    Math.max(0, survey.states[state] - own.reduce((sum, route) => sum + of(route), 0));
  const states = {
    ...survey.states,
    queued: less("queued", waitingOf),
    leased: less("leased", ({ leased }) => leased),
    dead: less("dead", deadOf),
  };
  return { ...survey, states, routes: survey.routes.filter(({ app }) => app !== OWN_APP) };
}

/** Due or not. */
export function waitingOf({ first, retry, behind }: RouteSurvey): number {
  return first + retry + behind;
}

export function deadOf({ dead }: RouteSurvey): number {
  return Object.values(dead).reduce((sum, n) => sum + n, 0);
}
