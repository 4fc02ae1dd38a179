/** Manifests and waits that the end-to-end tests share. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isNotFound } from '../../src/apimachinery/status.ts';
import { pollUntil } from '../../src/base/deadline.ts';
import { vmiType } from '../../src/vm/kinds/virtualmachineinstance/resource.ts';
import type { VirtualMachineInstance, VmiPhase } from '../../src/vm/kinds/virtualmachineinstance/types.ts';
import { demoGuest, type TestInstance } from './instance.ts';

export interface MachineOptions {
  readonly image?: string;
  readonly graceSeconds?: number;
  readonly memory?: string;
  readonly binding?: 'masquerade' | 'bridge';
  readonly pullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
  readonly pullSecret?: string;
}

/** A VMI that boots the demo guest. */
export function machineManifest(name: string, options: MachineOptions = {}): VirtualMachineInstance {
  const image = options.image ?? demoGuest;
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: { name, namespace: 'default' },
    spec: {
      terminationGracePeriodSeconds: options.graceSeconds ?? 0,
      domain: {
        memory: { guest: options.memory ?? '160Mi' },
        firmware: {
          kernelBoot: {
            kernelArgs: 'console=ttyS0 quiet',
            container: {
              image,
              kernelPath: '/boot/vmlinuz',
              initrdPath: '/boot/initrd',
              ...(options.pullPolicy === undefined ? {} : { imagePullPolicy: options.pullPolicy }),
              ...(options.pullSecret === undefined ? {} : { imagePullSecret: options.pullSecret }),
            },
          },
        },
        devices: {
          autoattachGraphicsDevice: false,
          interfaces: [{ name: 'default', ...(options.binding === 'bridge' ? { bridge: {} } : { masquerade: {} }) }],
        },
      },
      networks: [{ name: 'default', pod: {} }],
    },
  };
}

export async function create(
  instance: TestInstance,
  manifest: VirtualMachineInstance,
): Promise<VirtualMachineInstance> {
  return instance.api.client.create(vmiType, manifest);
}

export async function find(instance: TestInstance, name: string): Promise<VirtualMachineInstance | undefined> {
  try {
    return await instance.api.client.get(vmiType, { namespace: 'default', name });
  } catch (error) {
    if (isNotFound(error)) {
      return undefined;
    }
    throw error;
  }
}

export function waitForPhase(
  instance: TestInstance,
  name: string,
  phase: VmiPhase,
  timeoutMs = 60_000,
): Promise<VirtualMachineInstance> {
  return waitFor(
    instance,
    name,
    `phase ${phase}`,
    (vmi) => vmi?.status?.phase === phase,
    timeoutMs,
  ) as Promise<VirtualMachineInstance>;
}

export async function waitFor(
  instance: TestInstance,
  name: string,
  what: string,
  reached: (vmi: VirtualMachineInstance | undefined) => boolean,
  timeoutMs = 60_000,
): Promise<VirtualMachineInstance | undefined> {
  let last: VirtualMachineInstance | undefined;
  try {
    return (
      await pollUntil(
        async () => {
          last = await find(instance, name);
          return reached(last) ? { vmi: last } : undefined;
        },
        { timeoutMs, intervalMs: 50, doing: `VMI ${name}: ${what}` },
      )
    ).vmi;
  } catch (error) {
    throw new Error(
      `${String(error)}\nlast status: ${JSON.stringify(last?.status, undefined, 1)}\n${instance.log().slice(-6000)}`,
      {
        cause: error,
      },
    );
  }
}

export async function remove(instance: TestInstance, name: string): Promise<void> {
  await instance.api.client.delete(vmiType, { namespace: 'default', name });
}

export async function waitGone(instance: TestInstance, name: string, timeoutMs = 60_000): Promise<void> {
  await waitFor(instance, name, 'gone', (vmi) => vmi === undefined, timeoutMs);
}

export function addresses(vmi: VirtualMachineInstance): readonly string[] {
  return vmi.status?.interfaces?.[0]?.ipAddresses ?? [];
}

/** Fetches from the guest until it answers. */
export async function fetchFromGuest(address: string, path = '/', timeoutMs = 60_000): Promise<string> {
  const host = address.includes(':') ? `[${address}]` : address;
  const endMs = Date.now() + timeoutMs;
  for (;;) {
    try {
      const response = await fetch(`http://${host}${path}`, { signal: AbortSignal.timeout(3000) });
      return await response.text();
    } catch (error) {
      if (Date.now() > endMs) {
        throw new Error(`no answer from ${address} within ${timeoutMs} ms`, { cause: error });
      }
      await sleep(100);
    }
  }
}
