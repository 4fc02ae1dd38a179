import type { Io } from '../../../cli/command.ts';

export interface Narrator {
  /** Time counts from here. */
  start(): void;
  say(step: string, text: string): void;
}

/** Lines of `  1234 ms  step  what`. */
export function createNarrator(io: Io): Narrator {
  let startMs = 0;
  const dim = (text: string): string => (io.color ? `\u001b[2m${text}\u001b[0m` : text);
  const bold = (text: string): string => (io.color ? `\u001b[1m${text}\u001b[0m` : text);
  return {
    start() {
      startMs = performance.now();
    },
    say(step, text) {
      const elapsedMs = String(Math.round(performance.now() - startMs)).padStart(6);
      io.out(`${dim(`${elapsedMs} ms`)}  ${bold(step.padEnd(15))} ${text}\n`);
    },
  };
}
