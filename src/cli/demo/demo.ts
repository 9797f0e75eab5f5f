import { Argument } from "commander";
import { sleep } from "../../core/clock.ts";
import type { Command, ExitCode, Io } from "../command.ts";
import type { Chapter, Played } from "./chapter.ts";
import { tellHowToLook } from "./look.ts";
import { type Edge, type OpenStage, openStage } from "./stage.ts";

/** The stories that can be told. Loaded when asked for: no other command carries them. */
const CHAPTERS: Readonly<Record<string, { readonly about: string; readonly load: () => Promise<Chapter> }>> = {
  sync: {
    about: "the app is slow, hangs, breaks, dies; its callers have an answer",
    load: async () => (await import("./chapters/sync.ts")).sync,
  },
  async: {
    about: "app and Outrigger die; what was accepted arrives all the same",
    load: async () => (await import("./chapters/async.ts")).async,
  },
  failover: {
    about: "the primary dies, hangs, breaks; its backup answers; it comes back",
    load: async () => (await import("./chapters/failover.ts")).failover,
  },
  redis: {
    about: "three sidecars on one Redis; one dies, and the others finish for it",
    load: async () => (await import("./chapters/redis.ts")).redis,
  },
};
const FIRST = "sync";
const PAUSE_MS = 250;

/** `demo`: plays a chapter with real processes and real calls, and says what their callers saw. */
export function demoCommand(edge: Edge): Command {
  return {
    name: "demo",
    register(program, io, settle) {
      program
        .command("demo")
        .description("show it all with a toy app that is broken on purpose")
        .addArgument(new Argument("[chapter]", "the story to tell").choices(Object.keys(CHAPTERS)).default(FIRST))
        .option("--once", "end after the chapter; without it, all keeps running until Ctrl-C")
        .addHelpText("after", () => helpText())
        .action(async (name: string, options: { readonly once?: true }) => {
          const chapter = await CHAPTERS[name]?.load();
          settle(chapter === undefined ? 2 : await playChapter(chapter, options.once === true, io, edge));
        });
    },
  };
}

function helpText(): string {
  const lines = Object.entries(CHAPTERS).map(([name, { about }]) => `  ${name}: ${about}`);
  return `
Chapters:
${lines.join("\n")}

Everything runs on this machine, on free ports of 127.0.0.1, in a temporary
directory that is removed at the end. Every number is measured.

Exit code 0: every promise was kept. 1: one was broken, and the demo says which,
or something that it started died, or is not installed.
`;
}

/**
 * Plays one chapter and ends all that it started: 0 where every promise held, 1 where one was broken or something
 * died. An unfinished chapter proves nothing, so with `once` an interrupt is a problem too.
 */
export async function playChapter(chapter: Chapter, once: boolean, io: Io, edge: Edge): Promise<ExitCode> {
  const missing = chapter.missing?.(io.env) ?? null;
  if (missing !== null) {
    io.stderr(`demo: ${missing}\n`);
    return 1;
  }
  const stage = await openStage(io, edge);
  let code: ExitCode = once ? 1 : 0;
  try {
    const played = await stage.guard(chapter.play(stage));
    const broken = played.promised.filter(({ held }) => !held).length;
    code = broken === 0 ? 0 : 1;
    stage.say.line(broken === 0 ? "\nEvery promise was kept." : `\n${broken} BROKEN. Outrigger's log: ${stage.log}`);
    if (!once) await keepOn(stage, played);
  } catch (error) {
    if (io.signal.aborted) {
      stage.say.line("\nEnding: Outrigger answers what is in flight, then stops.");
    } else {
      code = 1;
      io.stderr(`\ndemo: ${messageOf(error)}\nOutrigger's log: ${stage.log}\n`);
    }
  }
  try {
    // The files say what went wrong; where nothing did, they go.
    await stage.close({ keepFiles: code === 1 && !io.signal.aborted });
  } catch (error) {
    io.stderr(`demo: ${messageOf(error)}\nOutrigger's log: ${stage.log}\n`);
    return 1;
  }
  return code;
}

/** A gentle load until the person has seen enough. */
async function keepOn(stage: OpenStage, played: Played): Promise<never> {
  tellHowToLook(stage.say, played);
  for (;;) {
    await stage.guard(played.keepOn());
    await stage.guard(sleep(stage.clock, PAUSE_MS));
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.trimEnd() : String(error);
}
