/** Defaults and bounds for each container of a namespace. Source: plugin/pkg/admission/limitranger of Kubernetes. */
import { cloneJson } from '../../../apimachinery/clone-json.ts';
import type { Container, Pod } from '../../../apimachinery/core.ts';
import type { KubeObject } from '../../../apimachinery/object.ts';
import { compareQuantities } from '../../../apimachinery/quantity.ts';
import { forbidden } from '../../../apimachinery/status.ts';
import type { Store } from '../../store/store.ts';
import { parseStored } from '../object-view.ts';
import { storagePrefix } from '../resource.ts';
import type { AdmissionPlugin } from '../types.ts';

interface LimitItem {
  readonly type: string;
  readonly max?: Readonly<Record<string, string>>;
  readonly min?: Readonly<Record<string, string>>;
  readonly default?: Readonly<Record<string, string>>;
  readonly defaultRequest?: Readonly<Record<string, string>>;
}

export interface LimitRange extends KubeObject {
  spec?: { limits?: LimitItem[] };
}

const prefix = storagePrefix('', 'limitranges');

/** For containers of new Pods; limits for whole Pods, claims and ratios are kept but not enforced. */
export function createLimitRangeAdmission(store: Store): AdmissionPlugin {
  return {
    name: 'limit-range',
    matches: (type, operation) =>
      type.group === '' && type.resource === 'pods' && type.subresource === undefined && operation === 'CREATE',
    async admit({ object, namespace = '', name }) {
      const items = store
        .range({ prefix: `${prefix}${namespace}/` })
        .entries.flatMap(({ value }) => (parseStored(value) as LimitRange).spec?.limits ?? [])
        .filter(({ type }) => type === 'Container');
      if (object === undefined || items.length === 0) {
        return;
      }
      const pod = cloneJson(object) as Pod;
      for (const container of [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]) {
        for (const item of items) {
          fillIn(container, item);
        }
      }
      const problems = pod.spec.containers.flatMap((container) =>
        items.flatMap((item) => outOfBounds(container, item)),
      );
      if (problems.length > 0) {
        const why = problems.length === 1 ? (problems[0] ?? '') : `[${problems.join(', ')}]`;
        throw forbidden({ group: '', resource: 'pods' }, name, why);
      }
      return { object: pod };
    },
  };
}

function fillIn(container: Container, item: LimitItem): void {
  const limits = { ...item.default, ...container.resources?.limits };
  const requests = { ...item.defaultRequest, ...container.resources?.limits, ...container.resources?.requests };
  container.resources = {
    ...container.resources,
    ...(Object.keys(limits).length > 0 && { limits }),
    ...(Object.keys(requests).length > 0 && { requests }),
  };
}

function outOfBounds({ resources = {} }: Container, { max = {}, min = {} }: LimitItem): string[] {
  const problems: string[] = [];
  for (const [name, most] of Object.entries(max)) {
    const limit = resources.limits?.[name];
    if (limit === undefined) {
      problems.push(`maximum ${name} usage per Container is ${most}.  No limit is specified`);
    } else if (compareQuantities(limit, most) > 0) {
      problems.push(`maximum ${name} usage per Container is ${most}, but limit is ${limit}`);
    }
  }
  for (const [name, least] of Object.entries(min)) {
    const request = resources.requests?.[name];
    if (request === undefined) {
      problems.push(`minimum ${name} usage per Container is ${least}.  No request is specified`);
    } else if (compareQuantities(request, least) < 0) {
      problems.push(`minimum ${name} usage per Container is ${least}, but request is ${request}`);
    }
  }
  return problems;
}
