/** Traces on disk: one small file for each VMI, `<uid>.json`, so that a restarted vmlet still tells of its start. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseTrace, type StartTrace } from '../../vm/trace/trace.ts';

/** A trace has at most 64 marks of some 60 bytes. */
const fileBytesMax = 16 * 1024;
const filesMax = 10_000;
const temporarySuffix = '.new';
const uidPattern = /^[0-9a-zA-Z][0-9a-zA-Z-]{0,62}$/;

export interface TraceStore {
  /** All that can be read; what is no trace is removed. */
  load(): StartTrace[];
  write(trace: StartTrace): Promise<void>;
  /** The same, for a process that ends. */
  writeNow(trace: StartTrace): void;
  remove(uid: string): Promise<void>;
}

/** `directory` is made, for root alone. */
export function openTraceStore(directory: string): TraceStore {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const fileOf = (uid: string): string => join(directory, `${uid}.json`);
  const text = (trace: StartTrace): string => `${JSON.stringify(trace)}\n`;
  return {
    load() {
      return readdirSync(directory)
        .slice(0, filesMax)
        .flatMap((name) => {
          const path = join(directory, name);
          const trace = name.endsWith('.json') ? readTrace(path) : undefined;
          if (trace === undefined || `${trace.vmi.uid}.json` !== name) {
            rmSync(path, { force: true, recursive: true });
            return [];
          }
          return [trace];
        });
    },
    async write(trace) {
      const { uid } = trace.vmi;
      if (uidPattern.test(uid)) {
        await writeFile(`${fileOf(uid)}${temporarySuffix}`, text(trace), { mode: 0o600 });
        await rename(`${fileOf(uid)}${temporarySuffix}`, fileOf(uid));
      }
    },
    writeNow(trace) {
      const { uid } = trace.vmi;
      if (uidPattern.test(uid)) {
        writeFileSync(`${fileOf(uid)}${temporarySuffix}`, text(trace), { mode: 0o600 });
        renameSync(`${fileOf(uid)}${temporarySuffix}`, fileOf(uid));
      }
    },
    async remove(uid) {
      if (uidPattern.test(uid)) {
        await rm(fileOf(uid), { force: true });
      }
    },
  };
}

function readTrace(path: string): StartTrace | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    return text.length > fileBytesMax ? undefined : parseTrace(JSON.parse(text));
  } catch {
    return undefined;
  }
}
