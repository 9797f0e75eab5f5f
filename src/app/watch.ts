import type { Clock } from "../core/clock.ts";
import { type ManifestWatch, watchManifest } from "../manifest/watch.ts";

export interface StartWatch extends ManifestWatch {
  /** From now on changes are told here; one that came before is told at once. */
  tell(onChange: () => void): void;
}

/**
 * Watches the manifest from before its first reading, so that a change while the process starts is not missed. The
 * other files come with `update`, as soon as they have been read.
 */
export function watchFromStart(file: string, clock: Clock): StartWatch {
  let missed = false;
  let told = (): void => {
    missed = true;
  };
  const watch = watchManifest([file], () => told(), { clock });
  return {
    ...watch,
    tell(onChange) {
      told = onChange;
      if (missed) onChange();
    },
  };
}
