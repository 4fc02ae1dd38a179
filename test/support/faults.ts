/** Waits and kills that the fault tests share. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { pollUntil } from '../../src/base/deadline.ts';
import { eventType, type Event } from '../../src/apimachinery/core.ts';
import type { Condition } from '../../src/apimachinery/object.ts';
import type { VirtualMachineInstance } from '../../src/vm/kinds/virtualmachineinstance/types.ts';
import { sandboxProcesses, traces } from './host.ts';
import type { TestInstance } from './instance.ts';

export type Victim = 'daemon' | 'qemu' | 'init';

const processNames: Readonly<Record<Victim, readonly string[]>> = {
  daemon: ['libvirtd', 'virtqemud'],
  qemu: ['qemu-system'],
  init: ['init'],
};

/** A process that forks itself into the background, as QEMU does at its start, counts once. */
export function processesOf(instance: TestInstance, victim: Victim): number[] {
  const pids = processNames[victim].flatMap((name) => sandboxProcesses(instance, name));
  return pids.filter((pid) => !pids.includes(parentOf(pid) ?? 0));
}

function parentOf(pid: number): number | undefined {
  try {
    return Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return undefined;
  }
}

/** The pid of a process of the instance's sandboxes, as soon as there is one. */
export function appearance(instance: TestInstance, victim: Victim): Promise<number> {
  return pollUntil(() => processesOf(instance, victim)[0], {
    timeoutMs: 30_000,
    intervalMs: 1,
    doing: `waiting for ${victim}`,
  });
}

/** Sends a signal to a process that may be gone. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH');
  }
}

/**
 * The host is as it was. A Pod that ended may leave the API a moment before the runtime has taken its last directory away,
 * as on a cluster, so this waits a little.
 */
export async function assertNothingLeft(instance: TestInstance, before: readonly string[]): Promise<void> {
  const same = (): true | undefined => (traces(instance).join('\n') === before.join('\n') ? true : undefined);
  await pollUntil(same, { timeoutMs: 5000, intervalMs: 50, doing: 'waiting for the host to be clean' }).catch(() =>
    assert.deepEqual(traces(instance), before),
  );
}

export function condition(vmi: VirtualMachineInstance | undefined, type: string): Condition | undefined {
  return vmi?.status?.conditions?.find((candidate) => candidate.type === type);
}

/** The first event about `name` whose text matches. Events are written a moment after what they tell. */
export function waitForEvent(instance: TestInstance, name: string, pattern: RegExp): Promise<Event> {
  return pollUntil(
    async () => {
      const { items } = await instance.api.client.list(eventType, { namespace: 'default' });
      return items.find((event) => event.involvedObject.name === name && pattern.test(event.message ?? ''));
    },
    { timeoutMs: 10_000, intervalMs: 50, doing: `waiting for an event about ${name} like ${pattern}` },
  );
}
