/** Pods: defaults, deletion with a grace period, what kubectl prints. Source: pkg/registry/core/pod, pkg/printers. */
import { cloneJson } from '../../../apimachinery/clone-json.ts';
import type { Pod } from '../../../apimachinery/core.ts';
import { forbiddenField, requiredField } from '../../../apimachinery/field-error.ts';
import type { KubeObject } from '../../../apimachinery/object.ts';
import { badRequest, conflict } from '../../../apimachinery/status.ts';
import { isDeepStrictEqual } from 'node:util';
import { isObject } from '../json.ts';
import type { ResourceDefinition, Strategy } from '../resource.ts';
import { ageColumn, column, defineBuiltin } from './define.ts';
import type { BuiltinSchemas } from './define.ts';

const defaultGraceSeconds = 30;

const strategy: Strategy = {
  subresources: ['binding', 'eviction'],
  prepareForCreate(object) {
    const pod = object as Pod;
    pod.spec.restartPolicy ??= 'Always';
    pod.spec.terminationGracePeriodSeconds ??= defaultGraceSeconds;
    pod.spec.schedulerName ??= 'default-scheduler';
    pod.spec.enableServiceLinks ??= true;
    pod.spec.securityContext ??= {};
    pod.status = { phase: 'Pending', qosClass: qosClass(pod) };
  },
  validate(object) {
    const { spec } = object as Partial<Pod>;
    return (spec?.containers ?? []).length === 0 ? [requiredField('spec.containers')] : [];
  },
  validateUpdate(object, old) {
    return isDeepStrictEqual(fixedSpec(object as Pod), fixedSpec(old as Pod))
      ? []
      : [
          forbiddenField(
            'spec',
            'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
          ),
        ];
  },
  gracePeriodSeconds(object, requested) {
    const pod = object as Pod;
    const phase = pod.status?.phase;
    // Nothing runs that would need time to stop.
    if (phase === 'Succeeded' || phase === 'Failed' || (pod.spec.nodeName ?? '') === '') {
      return 0;
    }
    return requested ?? pod.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds;
  },
  fields: {
    'spec.nodeName': (object) => (object as Pod).spec.nodeName,
    'spec.restartPolicy': (object) => (object as Pod).spec.restartPolicy,
    'spec.schedulerName': (object) => (object as Pod).spec.schedulerName,
    'status.phase': (object) => (object as Pod).status?.phase,
    'status.podIP': (object) => (object as Pod).status?.podIP,
  },
};

export function podDefinition(schemas: BuiltinSchemas, streams: readonly string[]): ResourceDefinition {
  return defineBuiltin(
    {
      group: '',
      resource: 'pods',
      kind: 'Pod',
      namespaced: true,
      shortNames: ['po'],
      categories: ['all'],
      hasStatus: true,
      strategy: { ...strategy, subresources: [...(strategy.subresources ?? []), ...streams] },
      columns: [
        column<Pod>('Ready', readyContainers),
        column<Pod>('Status', podReason),
        column<Pod>('Restarts', restarts),
        ageColumn,
        column<Pod>('IP', (pod) => pod.status?.podIP ?? '<none>', { priority: 1 }),
        column<Pod>('Node', (pod) => pod.spec.nodeName ?? '<none>', { priority: 1 }),
        column<Pod>('Nominated Node', () => '<none>', { priority: 1 }),
        column<Pod>('Readiness Gates', readinessGates, { priority: 1 }),
      ],
    },
    schemas,
  );
}

/** The part of a Pod's spec that never changes once made. */
function fixedSpec(pod: Pod): unknown {
  const spec = cloneJson(pod.spec) as Pod['spec'] & { activeDeadlineSeconds?: number };
  delete spec.activeDeadlineSeconds;
  delete spec.tolerations;
  delete spec.terminationGracePeriodSeconds;
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
    container.image = '';
  }
  return spec;
}

function qosClass(pod: Pod): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers = pod.spec.containers ?? [];
  const all = containers.map((container) => container.resources ?? {});
  if (all.every(({ requests, limits }) => Object.keys({ ...requests, ...limits }).length === 0)) {
    return 'BestEffort';
  }
  const guaranteed = all.every(({ requests, limits }) =>
    ['cpu', 'memory'].every((name) => {
      const limit = limits?.[name];
      return limit !== undefined && (requests?.[name] ?? limit) === limit;
    }),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function readyContainers(pod: Pod): string {
  const ready = (pod.status?.containerStatuses ?? []).filter((status) => status.ready).length;
  return `${ready}/${pod.spec.containers.length}`;
}

function restarts(pod: Pod): string {
  const counts = (pod.status?.containerStatuses ?? []).map((status) => status.restartCount);
  return String(counts.reduce((sum, count) => sum + count, 0));
}

function podReason(pod: Pod): string {
  let reason = pod.status?.reason ?? pod.status?.phase ?? 'Unknown';
  for (const { state } of pod.status?.containerStatuses ?? []) {
    reason = state?.waiting?.reason ?? terminatedReason(state?.terminated) ?? reason;
  }
  return pod.metadata.deletionTimestamp === undefined ? reason : 'Terminating';
}

function terminatedReason(state: { reason?: string; signal?: number; exitCode: number } | undefined) {
  if (state === undefined) {
    return undefined;
  }
  return state.reason ?? (state.signal === undefined ? `ExitCode:${state.exitCode}` : `Signal:${state.signal}`);
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) {
    return '<none>';
  }
  const isTrue = (type: string): boolean =>
    (pod.status?.conditions ?? []).some((condition) => condition.type === type && condition.status === 'True');
  return `${gates.filter((gate) => isTrue(gate.conditionType)).length}/${gates.length}`;
}

/** The v1.Binding subresource: gives the Pod a node. Changes a copy. Throws BadRequest, or Conflict when it has one. */
export function bindPod(pod: KubeObject, binding: unknown, now: string): Pod {
  const target = isObject(binding) ? binding['target'] : undefined;
  const nodeName = isObject(target) ? target['name'] : undefined;
  if (typeof nodeName !== 'string' || nodeName === '') {
    throw badRequest('target.name: Required value');
  }
  const bound = cloneJson(pod) as Pod;
  const { name, deletionTimestamp } = pod.metadata;
  if ((bound.spec.nodeName ?? '') !== '') {
    const cause = `pod ${name} is already assigned to node ${JSON.stringify(bound.spec.nodeName)}`;
    throw conflict({ group: '', resource: 'pods/binding' }, name, cause);
  }
  if (deletionTimestamp !== undefined) {
    throw conflict(
      { group: '', resource: 'pods/binding' },
      name,
      `pod ${name} is being deleted, cannot be assigned to a host`,
    );
  }
  bound.spec.nodeName = nodeName;
  const others = (bound.status?.conditions ?? []).filter((condition) => condition.type !== 'PodScheduled');
  bound.status = {
    ...bound.status,
    conditions: [...others, { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: now }],
  };
  return bound;
}
