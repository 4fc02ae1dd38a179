/** Results that are kept: with the day, the machine and how busy it was. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Processes that wanted a CPU when the benchmark began: far above 1 the figures say little. */
const loadAverage = Math.round((os.loadavg()[0] ?? NaN) * 100) / 100;

/** Prints `figures` and keeps them in bench/results/NAME.json. */
export function keepResult(name: string, figures: object): void {
  const result = {
    benchmark: name,
    date: new Date().toISOString().slice(0, 10),
    host: { cpus: os.cpus().length, model: os.cpus()[0]?.model ?? '', kernel: os.release() },
    loadAverage,
    ...figures,
  };
  const text = `${JSON.stringify(result, undefined, 2)}\n`;
  const directory = path.join(import.meta.dirname, 'results');
  fs.mkdirSync(directory, { recursive: true });
  fs.writeFileSync(path.join(directory, `${name}.json`), text);
  process.stdout.write(text);
}
