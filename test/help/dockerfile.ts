/** An instruction of a Dockerfile: its name in capitals, and what follows, continued lines joined. */
export interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/** The stages of a Dockerfile (Dockerfile reference, "Format"), each from its FROM on. */
export function stagesOf(text: string): Instruction[][] {
  const stages: Instruction[][] = [];
  const lines = text.replace(/\\\n/g, " ").split("\n");
  for (const line of lines) {
    const [, name, rest = ""] = /^([A-Z]+)\s+(.*)$/.exec(line.trim()) ?? [];
    if (name === undefined) continue;
    if (name === "FROM") stages.push([]);
    stages.at(-1)?.push({ name, rest });
  }
  return stages;
}

/** `COPY [--from=STAGE] [--chown=…] [--chmod=…] SOURCE… TARGET`. */
export function copyOf(rest: string): { from: string | null; chmod: string | null; sources: string[]; target: string } {
  const words = rest.split(/\s+/);
  const option = (name: string): string | null =>
    words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3) ?? null;
  const paths = words.filter((word) => !word.startsWith("--"));
  return { from: option("from"), chmod: option("chmod"), sources: paths.slice(0, -1), target: paths.at(-1) as string };
}
