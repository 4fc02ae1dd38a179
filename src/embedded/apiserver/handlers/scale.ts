/** The scale subresource: autoscaling/v1 Scale as a window on fields of an object. */
import { cloneJson } from '../../../apimachinery/clone-json.ts';
import type { KubeObject } from '../../../apimachinery/object.ts';
import { badRequest } from '../../../apimachinery/status.ts';
import { isObject } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { compileJsonPath } from '../json-path.ts';
import { viewObject } from '../object-view.ts';
import type { ObjectView } from '../object-view.ts';
import type { ResolvedResource } from '../registry.ts';
import { apiVersionOf } from '../resource.ts';
import type { ScalePaths } from '../resource.ts';

export function getScale(object: KubeObject, paths: ScalePaths): ObjectView {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = paths.labelSelectorPath === undefined ? undefined : read(object, paths.labelSelectorPath);
  return viewObject({
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: read(object, paths.specReplicasPath) ?? 0 },
    status: {
      replicas: read(object, paths.statusReplicasPath) ?? 0,
      ...(typeof selector === 'string' && { selector }),
    },
  } as unknown as KubeObject);
}

/** The object with the replicas of the changed Scale; resourceVersion counts where the Scale has one. */
export function setScale(object: KubeObject, paths: ScalePaths, change: (scale: KubeObject) => unknown): KubeObject {
  const wanted = change(getScale(object, paths).object);
  const spec = isObject(wanted) && isObject(wanted['spec']) ? wanted['spec'] : {};
  const replicas = spec['replicas'] ?? 0;
  if (!Number.isSafeInteger(replicas) || Number(replicas) < 0) {
    throw badRequest('spec.replicas: Invalid value: must be an integer of at least 0');
  }
  const result = cloneJson(object);
  const { resourceVersion } = isObject(wanted) && isObject(wanted['metadata']) ? wanted['metadata'] : {};
  if (typeof resourceVersion === 'string' && resourceVersion !== '') {
    result.metadata.resourceVersion = resourceVersion;
  }
  const steps = paths.specReplicasPath.split('.').filter((step) => step !== '');
  let holder = result as unknown as JsonObject;
  for (const step of steps.slice(0, -1)) {
    const next = holder[step];
    const child: JsonObject = isObject(next) ? next : {};
    holder[step] = child;
    holder = child;
  }
  holder[steps.at(-1) ?? 'replicas'] = replicas;
  return result;
}

/** A Scale that is applied, as the configuration of the object itself: its replicas alone. Throws BadRequest. */
export function scaleConfiguration(resolved: ResolvedResource, paths: ScalePaths, scale: unknown): KubeObject {
  const { definition, version } = resolved;
  if (!isObject(scale) || scale['kind'] !== 'Scale' || scale['apiVersion'] !== 'autoscaling/v1') {
    throw badRequest('the object provided is no autoscaling/v1 Scale');
  }
  const metadata = isObject(scale['metadata']) ? scale['metadata'] : {};
  const { name, namespace, resourceVersion, managedFields } = metadata;
  const object = {
    apiVersion: apiVersionOf(definition.group, version.name),
    kind: definition.kind,
    metadata: {
      name,
      namespace,
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...(managedFields !== undefined && { managedFields }),
    },
  };
  return setScale(object as unknown as KubeObject, paths, () => scale);
}

function read(object: KubeObject, path: string): unknown {
  return compileJsonPath(path)(object)[0];
}
