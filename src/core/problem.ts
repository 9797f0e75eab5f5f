/** An error as RFC 9457 `application/problem+json`. `type` is a URN that names the problem for programs. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly [more: string]: unknown;
}

export const PROBLEM_JSON = "application/problem+json";

/** `name` becomes `urn:outrigger:problem:<name>`; the title is for people, the detail says what to do next. */
export function problem(status: number, name: string, title: string, detail?: string, more: object = {}): Problem {
  return {
    type: `urn:outrigger:problem:${name}`,
    title,
    status,
    ...(detail === undefined ? {} : { detail }),
    ...more,
  };
}
