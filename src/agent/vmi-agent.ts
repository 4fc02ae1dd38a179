/**
 * Reconciles the VMIs that were handed to this node: observe, decide (machine/decide.ts), do one thing, look again.
 * Woken by changes of the VMI and its Pod and by libvirt's events.
 */
import { podType, type Pod } from '../apimachinery/core.ts';
import type { KubeObject } from '../apimachinery/object.ts';
import { isNotFound } from '../apimachinery/status.ts';
import { VmletError, errorCode, errorMessage } from '../base/errors.ts';
import { startController, type ReconcileResult } from '../client/controller.ts';
import { startInformer, type Informer } from '../client/informer.ts';
import { keyOf } from '../client/object-key.ts';
import { nodeNameLabel, vmiType } from '../vm/kinds/virtualmachineinstance/resource.ts';
import {
  isFinalPhase,
  type VirtualMachineInstance,
  type VirtualMachineInstanceStatus,
} from '../vm/kinds/virtualmachineinstance/types.ts';
import { appLabel, createdByLabel, launcherLabel } from '../vm/launcher/names.ts';
import type { AgentContext } from './context.ts';
import { correctDomain, decide, type DomainObservation, type SandboxObservation } from './machine/decide.ts';
import { Machine } from './machine/machine.ts';
import { observeRunning } from './machine/running-facts.ts';
import { endedStatus, failedSyncStatus, runningStatus, sameStatus } from './machine/status.ts';

const secretRetryMs = 2000;

export interface VmiAgent {
  readonly ready: Promise<void>;
  /** The machine of a VMI that runs here; throws a VmletError `NotRunningHere` otherwise. */
  machine(vmi: VirtualMachineInstance): Machine;
  readonly closed: Promise<void>;
}

export function startVmiAgent(context: AgentContext): VmiAgent {
  const { client, logger, signal } = context;
  const machines = new Map<string, Machine>();
  const vmis: Informer<VirtualMachineInstance> = startInformer(client, vmiType, {
    signal,
    logger,
    labelSelector: `${nodeNameLabel}=${context.nodeName}`,
  });
  const pods: Informer<Pod> = startInformer(client, podType, {
    signal,
    logger,
    labelSelector: `${appLabel}=${launcherLabel}`,
    fieldSelector: `spec.nodeName=${context.nodeName}`,
    indexers: { vmi: (pod) => [pod.metadata.labels?.[createdByLabel] ?? ''] },
  });
  const controller = startController({ name: 'vmi-agent', reconcile, concurrency: 8, logger, signal });
  const starts = new Map<string, AbortController>();
  vmis.onChange(({ key, object }) => {
    if (object?.metadata.deletionTimestamp !== undefined) {
      // A start that hangs must not hold up the end.
      starts.get(key)?.abort();
    }
    controller.enqueue(key);
  });
  pods.onChange(({ object, previous }) => {
    const owner = (object ?? previous)?.metadata.ownerReferences?.find((reference) => reference.kind === vmiType.kind);
    if (owner !== undefined) {
      controller.enqueue(`${(object ?? previous)?.metadata.namespace}/${owner.name}`);
    }
  });

  async function reconcile(key: string, reconcileSignal: AbortSignal): Promise<ReconcileResult | void> {
    await Promise.all([vmis.ready, pods.ready]);
    const [namespace, name = ''] = key.split('/');
    const vmi = vmis.get({ namespace, name });
    if (vmi === undefined || isFinalPhase(vmi.status?.phase)) {
      await forget(key, vmi);
      return;
    }
    const pod = podOf(vmi);
    const machine = await machineFor(key, vmi, pod);
    const sandbox = await observeSandbox(vmi, pod, machine);
    const decision = decide({
      vmi,
      sandbox,
      nowMs: Date.now(),
      shutdownAskedAtMs: machine?.shutdownAskedAtMs,
      outOfMemory: hasEnded(sandbox) && machine?.ranOutOfMemory() === true,
      qemuEnd: machine?.qemuEnd,
      initEnd: machine?.initEnd,
    });
    const { action } = decision;
    logger.debug({ vmi: key, action: action.kind, sandbox }, 'decided');
    switch (action.kind) {
      case 'none':
        break;
      case 'waitForSandbox':
        if (action.problem !== undefined) {
          await publishProblem(vmi, action.problem);
        }
        break;
      case 'start':
        if (!(await start(vmi, requiredPod(pod), required(machine), reconcileSignal))) {
          return { requeueAfterMs: secretRetryMs };
        }
        await publishRunning(vmi, required(machine));
        break;
      case 'publishRunning':
        await required(machine).serve(vmi, requiredPod(pod));
        await publishRunning(vmi, required(machine));
        break;
      case 'shutdown':
        context.step(vmi, 'shutdown asked');
        await required(machine).shutdown(vmi);
        break;
      case 'destroy':
        context.events.record({
          object: vmi,
          type: 'Warning',
          reason: 'Stopped',
          message: `stopped by force: ${action.why}`,
        });
        await required(machine).destroy(vmi);
        return { requeueAfterMs: 0 };
      case 'publishEnded': {
        await publish(vmi, endedStatus(vmi, action, Date.now()));
        context.step(vmi, 'ended');
        context.events.record({
          object: vmi,
          type: action.phase === 'Failed' ? 'Warning' : 'Normal',
          reason: action.reason,
          message: action.message,
        });
        return;
      }
    }
    return decision.againAfterMs === undefined ? undefined : { requeueAfterMs: Math.max(1, decision.againAfterMs) };
  }

  /** The launcher Pod of this very VMI: by owner uid, as labels can be written by anybody who may create Pods. */
  function podOf(vmi: VirtualMachineInstance): Pod | undefined {
    return pods
      .byIndex('vmi', vmi.metadata.uid ?? '')
      .find((pod) =>
        pod.metadata.ownerReferences?.some((owner) => owner.controller === true && owner.uid === vmi.metadata.uid),
      );
  }

  async function machineFor(
    key: string,
    vmi: VirtualMachineInstance,
    pod: Pod | undefined,
  ): Promise<Machine | undefined> {
    const existing = machines.get(key);
    if (pod?.metadata.uid === undefined) {
      return existing;
    }
    if (existing?.podUid === pod.metadata.uid) {
      return existing;
    }
    await existing?.close();
    const machine = new Machine({
      context,
      podUid: pod.metadata.uid,
      logger: logger.child({ vmi: `${vmi.metadata.namespace}/${vmi.metadata.name}` }),
      onChange: () => controller.enqueue(key),
    });
    machines.set(key, machine);
    return machine;
  }

  async function observeSandbox(
    vmi: VirtualMachineInstance,
    pod: Pod | undefined,
    machine: Machine | undefined,
  ): Promise<SandboxObservation> {
    const terminated = pod?.status?.containerStatuses?.[0]?.state.terminated;
    const podEnded = pod === undefined || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    if (podEnded || machine === undefined) {
      return {
        kind: 'gone',
        exitCode: terminated?.exitCode,
        reason: terminated?.reason,
        message: terminated?.message ?? pod?.status?.message,
      };
    }
    const seen = await machine.look(vmi);
    const domain: DomainObservation | undefined = correctDomain(seen, machine.qemuEnd);
    return domain === undefined
      ? { kind: 'unreachable', forMs: machine.unreachableForMs(), why: machine.unreachableWhy }
      : { kind: 'ready', domain };
  }

  /** False when a Secret is missing: it may be made at any moment, so no ever longer back-off. */
  async function start(vmi: VirtualMachineInstance, pod: Pod, machine: Machine, stop: AbortSignal): Promise<boolean> {
    const key = keyOf(vmi);
    const deleted = new AbortController();
    starts.set(key, deleted);
    try {
      await machine.start(vmi, pod, AbortSignal.any([stop, deleted.signal]));
      context.events.record({ object: vmi, type: 'Normal', reason: 'Started', message: 'the guest was started' });
      return true;
    } catch (error) {
      if (!deleted.signal.aborted && !stop.aborted) {
        await publishProblem(vmi, errorMessage(error));
      }
      if (errorCode(error) === 'SecretMissing') {
        return false;
      }
      throw error;
    } finally {
      starts.delete(key);
    }
  }

  /** What keeps the VM from being as it should, with cause and remedy; goes away with the next publishRunning. */
  async function publishProblem(vmi: VirtualMachineInstance, message: string): Promise<void> {
    const status = failedSyncStatus(vmi, message, Date.now());
    if (!sameStatus(vmi.status, status)) {
      context.events.record({ object: vmi, type: 'Warning', reason: 'SyncFailed', message });
      await publish(vmi, status);
    }
  }

  async function publishRunning(vmi: VirtualMachineInstance, machine: Machine): Promise<void> {
    const [facts] = await Promise.all([observeRunning(context, vmi, machine), machine.attachConsole(vmi)]);
    if (facts !== undefined) {
      await publish(vmi, runningStatus(vmi, facts, Date.now()));
    }
  }

  /** Writes what differs, over the very revision that was looked at: a newer one is looked at first (409). */
  async function publish(vmi: VirtualMachineInstance, status: VirtualMachineInstanceStatus): Promise<void> {
    if (sameStatus(vmi.status, status)) {
      return;
    }
    const { namespace, name, resourceVersion } = vmi.metadata;
    try {
      await client.patch(
        vmiType,
        { namespace, name },
        { type: 'merge', body: { metadata: { resourceVersion }, status } },
      );
    } catch (error) {
      if (!isNotFound(error)) {
        throw error;
      }
    }
  }

  async function forget(key: string, vmi: VirtualMachineInstance | undefined): Promise<void> {
    const machine = machines.get(key);
    if (machine !== undefined) {
      machines.delete(key);
      await machine.close();
      logger.debug({ vmi: key, final: vmi !== undefined }, 'forgot machine');
    }
  }

  async function closeAll(): Promise<void> {
    await controller.closed;
    await Promise.allSettled([...machines.values()].map((machine) => machine.close()));
    machines.clear();
  }

  return {
    ready: Promise.all([vmis.ready, pods.ready]).then(() => undefined),
    machine(vmi) {
      const machine = machines.get(`${vmi.metadata.namespace}/${vmi.metadata.name}`);
      if (machine === undefined || machine.link === undefined) {
        throw new VmletError('NotRunningHere', `${describe(vmi)} does not run on node ${context.nodeName}`);
      }
      return machine;
    },
    closed: closeAll(),
  };
}

function hasEnded(sandbox: SandboxObservation): boolean {
  return sandbox.kind === 'ready' && ['shutoff', 'crashed'].includes(sandbox.domain.state);
}

function required(machine: Machine | undefined): Machine {
  if (machine === undefined) {
    throw new VmletError('SandboxUnreachable', 'the launcher Pod is not there');
  }
  return machine;
}

function requiredPod(pod: Pod | undefined): Pod {
  if (pod === undefined) {
    throw new VmletError('SandboxUnreachable', 'the launcher Pod is not there');
  }
  return pod;
}

function describe(object: KubeObject): string {
  return `${object.kind} ${object.metadata.namespace}/${object.metadata.name}`;
}
