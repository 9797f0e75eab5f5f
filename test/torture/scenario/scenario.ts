import type { Rack } from "../rack.ts";

/** One way of torturing. */
export interface Scenario {
  readonly name: string;
  readonly about: string;
  /** It mounts a disk, which not every machine allows. */
  readonly mounts?: true;
  /** Made for each run, before the sidecar starts. */
  prepare(place: Place): Prepared;
}

export interface Place {
  /** A folder of the run's own. */
  readonly dir: string;
  readonly extent: Extent;
}

/** How much of it. */
export interface Extent {
  readonly kills: number;
  readonly short: boolean;
}

export interface Prepared {
  /** Of the sidecar's process. */
  readonly nodeArgs?: readonly string[];
  readonly dataDir: string;
  /** Runs while the clients send, and leaves a sidecar that starts or runs. */
  torture(rack: Rack): Promise<void>;
  /** Undoes what `prepare` did; of a run that failed `keep` names a folder for the data. */
  close?(keep: string | null): void;
}
