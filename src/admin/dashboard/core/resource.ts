import { useEffect, useRef, useState } from "preact/hooks";
import { type Failure, get } from "./api.ts";
import { type LiveEvent, onEvent } from "./live.ts";
import { now } from "./now.ts";

/** What the API answers under one path, kept up to date while it is shown. */
export interface Resource<T> {
  /** The last good answer; null before the first. */
  readonly data: T | null;
  /** Why the last question had none. */
  readonly failure: Failure | null;
  /** When `data` came: Unix milliseconds. */
  readonly at: number | null;
  readonly reload: () => void;
}

/** Asked anew this often whatever the stream says: then what is shown is right within 30 s. */
const EVERY_MS = 15_000;
/** Events come in bursts: at most one question in this time … */
const GATHER_MS = 1_000;
/** … and none sooner than so many times what the last took, since a service in trouble has better things to do. */
const REST = 20;

interface State<T> {
  readonly path: string | null;
  readonly data: T | null;
  readonly failure: Failure | null;
  readonly at: number | null;
}

/** `about` says which events make it worth asking at once. With a `path` of null nothing is asked. */
export function useResource<T>(
  path: string | null,
  about: (event: LiveEvent) => boolean = never,
  everyMs = EVERY_MS,
): Resource<T> {
  const [state, setState] = useState<State<T>>({ path, data: null, failure: null, at: null });
  const reload = useRef<() => void>(() => {});
  const concerns = useRef(about);
  concerns.current = about;
  useEffect(() => {
    if (path === null) return;
    const ended = new AbortController();
    let last = 0;
    let took = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let asking = false;
    const load = async (): Promise<void> => {
      if (asking) return soon();
      asking = true;
      last = now();
      const answer = await get<T>(path, ended.signal);
      asking = false;
      took = now() - last;
      if (ended.signal.aborted) return;
      if (answer.ok) setState({ path, data: answer.value, failure: null, at: now() });
      else setState((old) => ({ ...(old.path === path ? old : EMPTY), path, failure: answer.failure }));
    };
    const soon = (): void => {
      timer ??= setTimeout(
        () => {
          timer = undefined;
          // Nobody looks: it is asked when somebody does again.
          if (document.visibilityState === "visible") void load();
        },
        Math.max(50, last + Math.min(Math.max(GATHER_MS, took * REST), everyMs) - now()),
      );
    };
    reload.current = () => void load();
    const every = setInterval(() => document.visibilityState === "visible" && void load(), everyMs);
    const off = onEvent((event) => (event.type === "gap" || concerns.current(event)) && soon());
    const seen = (): void => void (document.visibilityState === "visible" && load());
    document.addEventListener("visibilitychange", seen);
    void load();
    return () => {
      ended.abort();
      clearInterval(every);
      clearTimeout(timer);
      off();
      document.removeEventListener("visibilitychange", seen);
    };
  }, [path, everyMs]);
  const shown = state.path === path ? state : EMPTY;
  return { data: shown.data, failure: shown.failure, at: shown.at, reload: () => reload.current() };
}

const EMPTY = { data: null, failure: null, at: null } as const;

function never(): boolean {
  return false;
}

/** Events about an app, or about one route of it. */
export function aboutApp(app: string, capability?: string): (event: LiveEvent) => boolean {
  return (event) =>
    event.type === "manifest.applied" ||
    (event.app === app && (capability === undefined || (event.capability ?? capability) === capability));
}
