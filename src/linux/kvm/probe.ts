/**
 * Can this host run guests with KVM? Answered by running one: a /dev/kvm that opens, speaks the right version and even
 * runs firmware may still stop every stock kernel (nested clouds with a partial KVM). The guest runs in a child process
 * that is killed at the deadline, because a hung KVM_RUN cannot be interrupted from inside.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { getCompileCacheDir } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorCode } from '../../base/errors.ts';
import { LAST_STEP, guestSteps } from './guest-code.ts';

export interface KvmProbeResult {
  readonly usable: boolean;
  readonly device: 'absent' | 'no-permission' | 'present';
  /** One sentence: what was seen. */
  readonly reason: string;
  /** One sentence: what to do; empty when usable. */
  readonly remedy: string;
  /** Kernel module that drives it: `kvm_intel`, `kvm_amd`, `kvm_pvm`; left out when none is known. */
  readonly backend?: string;
  readonly durationMs: number;
}

export interface KvmProbeOptions {
  readonly device?: string;
  /** For the guest, once the child has started. */
  readonly timeoutMs?: number;
  /** For tests: another program than the probe's child, and where the modules are listed. */
  readonly child?: string;
  readonly modulesDirectory?: string;
}

const DEFAULT_TIMEOUT_MS = 3000;
/** For the child to start: a second or more on a busy host, which says nothing about its KVM. */
const START_TIMEOUT_MS = 30_000;
const OUTPUT_BYTES_MAX = 64 * 1024;
const BACKENDS = ['kvm_intel', 'kvm_amd', 'kvm_pvm'] as const;
const EMULATE = 'guests run by emulation (slower) until then';

/** Probes now. Takes some 100 ms; the guest may run for `timeoutMs` (3 s). Never throws for what the host lacks. */
export async function probeKvm(options: KvmProbeOptions = {}): Promise<KvmProbeResult> {
  const started = performance.now();
  const device = options.device ?? '/dev/kvm';
  const backend = findBackend(options.modulesDirectory ?? '/sys/module');
  const finish = (result: Omit<KvmProbeResult, 'durationMs' | 'backend'>): KvmProbeResult => ({
    ...result,
    ...(backend === undefined ? {} : { backend }),
    durationMs: Math.round(performance.now() - started),
  });
  const obstacle = findDeviceObstacle(device);
  if (obstacle !== undefined) {
    return finish(obstacle);
  }
  if (process.arch !== 'x64') {
    const reason = `${device} opens; there is no test guest for ${process.arch}, so it is taken as usable`;
    return finish({ usable: true, device: 'present', reason, remedy: '' });
  }
  const run = await runChild({
    program: options.child ?? fileURLToPath(new URL('./probe-child.ts', import.meta.url)),
    device,
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
  });
  return finish({ device: 'present', ...judge(run, device, backend) });
}

/** What the child told, cut short or not. */
export interface GuestRun {
  readonly steps: readonly number[];
  readonly done: boolean;
  readonly error: string | undefined;
  /** Set when it had to be killed. */
  readonly hungAfterMs: number | undefined;
}

/** The verdict, from what the guest did alone; the module's name only explains it. Pure. */
export function judge(
  run: GuestRun,
  device: string,
  backend: string | undefined,
): Pick<KvmProbeResult, 'usable' | 'reason' | 'remedy'> {
  const last = run.steps.at(-1) ?? 0;
  if (run.done && last === LAST_STEP) {
    return { usable: true, reason: 'a 64-bit test guest ran all its steps', remedy: '' };
  }
  const passed = last === 0 ? 'before its first step' : `after it ${guestSteps[last] ?? `passed step ${last}`}`;
  const next = guestSteps[last + 1];
  const wanted = next === undefined ? '' : `; step not reached: ${next}`;
  const failure =
    run.hungAfterMs === undefined ? (run.error ?? 'the probe ended early') : `it hung for ${run.hungAfterMs} ms`;
  const name = backend === undefined ? '' : ` (${backend})`;
  return {
    usable: false,
    reason: `${device}${name} cannot run a stock 64-bit guest: the test guest stopped ${passed}: ${failure}${wanted}`,
    remedy:
      backend === 'kvm_pvm'
        ? `this machine has only a partial KVM (PVM) from its cloud: use a machine with hardware virtualization (VMX or SVM); ${EMULATE}`
        : `update the host's kernel and firmware, or enable nested virtualization one level below; ${EMULATE}`,
  };
}

/** Reads the child's lines; anything that is not its own format is ignored. Pure. */
export function parseChildOutput(output: string): Omit<GuestRun, 'hungAfterMs'> {
  const steps: number[] = [];
  let done = false;
  let error: string | undefined;
  for (const line of output.split('\n')) {
    const value = parseLine(line);
    if (typeof value?.['step'] === 'number') {
      steps.push(value['step']);
    } else if (value?.['done'] === true) {
      done = true;
    } else if (typeof value?.['error'] === 'string') {
      error = value['error'];
    }
  }
  return { steps, done, error };
}

function parseLine(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** The child finds its code ready made where our own is kept: that halves the time to its start. */
function codeCache(): Record<string, string> {
  const directory = getCompileCacheDir();
  // Node names the directory of its own version, and wants the one above.
  return directory === undefined ? {} : { NODE_COMPILE_CACHE: path.dirname(directory) };
}

async function runChild(request: { program: string; device: string; timeoutMs: number }): Promise<GuestRun> {
  const child = spawn(process.execPath, ['--no-warnings', request.program, request.device], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: codeCache(),
  });
  let output = '';
  let hungAfterMs: number | undefined;
  const killAfter = (milliseconds: number): NodeJS.Timeout =>
    setTimeout(() => {
      hungAfterMs = milliseconds;
      child.kill('SIGKILL');
    }, milliseconds);
  let deadline = killAfter(START_TIMEOUT_MS);
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  child.once('error', (error) => resolve(error.message));
  child.once('close', (code, signal) => resolve(code === 0 ? undefined : `the probe ended with ${signal ?? code}`));
  child.stdout.setEncoding('utf8');
  child.stdout.once('data', () => {
    clearTimeout(deadline);
    deadline = killAfter(request.timeoutMs);
  });
  child.stdout.on('data', (text: string) => {
    output += output.length < OUTPUT_BYTES_MAX ? text : '';
  });
  const ending = await promise;
  clearTimeout(deadline);
  const parsed = parseChildOutput(output);
  return { ...parsed, error: parsed.error ?? ending, hungAfterMs };
}

function findDeviceObstacle(device: string): Omit<KvmProbeResult, 'durationMs' | 'backend'> | undefined {
  try {
    fs.closeSync(fs.openSync(device, fs.constants.O_RDWR));
    return undefined;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EACCES' || code === 'EPERM') {
      return {
        usable: false,
        device: 'no-permission',
        reason: `${device} may not be opened (${code})`,
        remedy: `run as root or as a member of the group that owns ${device}; in a container, allow the device c 10:232`,
      };
    }
    const hardware = findHardwareModule();
    return {
      usable: false,
      device: 'absent',
      reason: `${device} cannot be opened (${code})`,
      remedy:
        hardware === undefined
          ? `the CPU shows no virtualization (vmx or svm): enable it in the firmware, or nested virtualization if this is a VM; ${EMULATE}`
          : `load the module with "modprobe ${hardware}"`,
    };
  }
}

function findHardwareModule(): string | undefined {
  const text = fs.readFileSync('/proc/cpuinfo', 'utf8');
  return /^flags\s*:.*\bvmx\b/m.test(text) ? 'kvm_intel' : /^flags\s*:.*\bsvm\b/m.test(text) ? 'kvm_amd' : undefined;
}

function findBackend(modulesDirectory: string): string | undefined {
  return BACKENDS.find((name) => fs.existsSync(`${modulesDirectory}/${name}`));
}
