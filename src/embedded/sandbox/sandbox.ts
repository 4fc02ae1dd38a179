/**
 * Sandboxes on this host through the OCI runtime. Every call is idempotent and what exists is always asked from the
 * runtime and the kernel, so a crash between any two steps is mended by calling again. Sandboxes are not children of
 * this process and hold no pipe to it: they survive it.
 */
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { ToolError, UnsupportedError, VmletError, errorCode } from '../../base/errors.ts';
import { removeCgroupRemains, removeSharedParent } from './cgroup-remains.ts';
import { buildOciSpec } from './oci-spec.ts';
import type { SandboxHostFacts, SandboxRequest } from './oci-spec.ts';
import { bundleDir, runtimeRoot, sandboxCgroup } from './settings.ts';
import type { SandboxSettings } from './settings.ts';
import { runTool } from '../../linux/process/run-tool.ts';

export interface Sandbox {
  /** Pod uid. */
  readonly id: string;
  /** `stopped`: PID 1 has ended but the runtime still keeps its state. */
  readonly status: 'creating' | 'created' | 'running' | 'paused' | 'stopped';
  /** PID 1 as the host sees it; 0 when stopped. */
  readonly pid: number;
  /** RFC 3339. */
  readonly created: string;
  readonly annotations: Readonly<Record<string, string>>;
}

const startTimeoutMs = 30_000;
const callTimeoutMs = 15_000;
const idPattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/u;

/**
 * Creates and starts a sandbox and gives the host pid of its PID 1. `logPath` gets standard output and error of the
 * container, appended. Throws ToolError with the runtime's own last words; nothing is left then.
 */
export async function startSandbox(
  settings: SandboxSettings,
  request: SandboxRequest,
  facts: SandboxHostFacts,
  logPath: string,
): Promise<number> {
  checkId(request.id);
  const bundle = bundleDir(settings, request.id);
  await mkdir(runtimeRoot(settings), { recursive: true, mode: 0o700 });
  await rm(bundle, { recursive: true, force: true });
  await mkdir(bundle, { recursive: true, mode: 0o700 });
  await writeFile(`${bundle}/config.json`, JSON.stringify(buildOciSpec(request, settings, facts)), { mode: 0o600 });
  const pidFile = `${bundle}/pid`;
  const runtimeLog = `${bundle}/runtime.log`;
  const args = ['--root', runtimeRoot(settings), '--log', runtimeLog, '--log-format', 'json'];
  args.push('run', '--detach', '--bundle', bundle, '--pid-file', pidFile, request.id);
  const exitCode = await runDetached(settings.runtime, args, logPath, request.id);
  if (exitCode !== 0) {
    const words = await lastRuntimeError(runtimeLog);
    await deleteSandbox(settings, request.id);
    throw new ToolError({ tool: settings.runtime, exitCode, stderr: words, doing: `start sandbox ${request.id}` });
  }
  return Number(await readFile(pidFile, 'utf8'));
}

/** All sandboxes of this instance, running or stopped. */
export async function listSandboxes(settings: SandboxSettings): Promise<Sandbox[]> {
  await mkdir(runtimeRoot(settings), { recursive: true, mode: 0o700 });
  const text = await runTool(settings.runtime, ['--root', runtimeRoot(settings), 'list', '--format', 'json'], {
    doing: 'list sandboxes',
    timeoutMs: callTimeoutMs,
  });
  const raw = JSON.parse(text === '' ? 'null' : text) as (Sandbox & { annotations?: Record<string, string> })[] | null;
  return (raw ?? []).map(({ id, status, pid, created, annotations }) => ({
    id,
    status,
    pid,
    created,
    annotations: annotations ?? {},
  }));
}

/**
 * Ends every process of a sandbox at once (SIGKILL) if any is left, and removes its cgroup, runtime state and bundle.
 * Fine when there is none.
 */
export async function deleteSandbox(settings: SandboxSettings, id: string): Promise<void> {
  checkId(id);
  await runTool(settings.runtime, ['--root', runtimeRoot(settings), 'delete', '--force', id], {
    doing: `delete sandbox ${id}`,
    timeoutMs: callTimeoutMs,
  });
  await removeCgroupRemains(sandboxCgroup(settings, id));
  await rm(bundleDir(settings, id), { recursive: true, force: true });
}

/** Removes what the instance keeps for all sandboxes together; for the end of an instance that has none left. */
export async function removeSandboxRemains(settings: SandboxSettings): Promise<void> {
  const left = await listSandboxes(settings);
  if (left.length > 0) {
    throw new VmletError('SandboxesLeft', `${left.length} sandboxes still exist under ${settings.runDir}`);
  }
  await removeCgroupRemains(settings.cgroupParent);
  removeSharedParent(settings.cgroupParent);
  await rm(settings.runDir, { recursive: true, force: true });
}

function checkId(id: string): void {
  if (!idPattern.test(id)) {
    throw new VmletError('BadSandboxId', `sandbox id ${JSON.stringify(id)} is not a plain name`);
  }
}

/** The container inherits these descriptors, so they are a file and /dev/null, never a pipe to this process. */
async function runDetached(tool: string, args: readonly string[], logPath: string, id: string): Promise<number | null> {
  const log = openSync(logPath, 'a', 0o600);
  try {
    const child = spawn(tool, args, {
      stdio: ['ignore', log, log],
      detached: true,
      timeout: startTimeoutMs,
      killSignal: 'SIGKILL',
    });
    const [code] = (await once(child, 'exit')) as [number | null];
    return code;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      throw new UnsupportedError(`start sandbox ${id}: ${tool} is not installed; run the set-up`, { cause: error });
    }
    throw error;
  } finally {
    closeSync(log);
  }
}

async function lastRuntimeError(logPath: string): Promise<string> {
  const lines = (await readFile(logPath, 'utf8').catch(() => '')).trim().split('\n');
  for (const line of lines.reverse()) {
    try {
      const { level, msg } = JSON.parse(line) as { level?: string; msg?: string };
      if (level === 'error' && msg !== undefined) {
        return msg;
      }
    } catch {
      // A line cut short by a crash of the runtime says nothing.
    }
  }
  return lines.at(-1) ?? '';
}
