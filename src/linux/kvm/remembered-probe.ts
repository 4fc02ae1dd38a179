import fs from 'node:fs';
import path from 'node:path';
import { probeKvm, type KvmProbeOptions, type KvmProbeResult } from './probe.ts';

interface Remembered {
  readonly bootId: string;
  readonly result: KvmProbeResult;
}

const FILE_BYTES_MAX = 16 * 1024;

/**
 * The probe's answer, asked once per boot: kept in `<runDirectory>/kvm-probe.json` under the kernel's boot id. Only an
 * answer about a device that is there is kept; a missing one may come with a module at any time and is asked anew. A
 * file that is broken, or of another boot or backend, is replaced.
 */
export async function probeKvmOncePerBoot(
  runDirectory: string,
  options: KvmProbeOptions = {},
): Promise<KvmProbeResult> {
  const file = path.join(runDirectory, 'kvm-probe.json');
  const bootId = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const known = readRemembered(file);
  const modules = options.modulesDirectory ?? '/sys/module';
  if (
    known?.bootId === bootId &&
    fs.existsSync(options.device ?? '/dev/kvm') &&
    (known.result.backend === undefined || fs.existsSync(path.join(modules, known.result.backend)))
  ) {
    return known.result;
  }
  const result = await probeKvm(options);
  if (result.device === 'present') {
    fs.mkdirSync(runDirectory, { recursive: true });
    const temporary = `${file}.${process.pid}`;
    fs.writeFileSync(temporary, JSON.stringify({ bootId, result } satisfies Remembered), { mode: 0o644 });
    fs.renameSync(temporary, file);
  }
  return result;
}

function readRemembered(file: string): Remembered | undefined {
  try {
    if (fs.statSync(file).size > FILE_BYTES_MAX) {
      return undefined;
    }
    const value = JSON.parse(fs.readFileSync(file, 'utf8')) as Partial<Remembered> | null;
    const result = value?.result;
    return typeof value?.bootId === 'string' && typeof result?.usable === 'boolean' && typeof result.reason === 'string'
      ? { bootId: value.bootId, result }
      : undefined;
  } catch {
    // Missing or broken: the caller probes again, which is always right.
    return undefined;
  }
}
