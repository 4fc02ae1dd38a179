/** The document builders of embedded/openapi; loaded when the first document is asked for. */
import { encodeOpenApiV2 } from '../../openapi/gnostic.ts';
import { encodeOpenApiV3 } from '../../openapi/gnostic-v3.ts';
import { buildOpenApiV2 } from '../../openapi/openapi-v2.ts';
import { buildOpenApiV3 } from '../../openapi/openapi-v3.ts';
import { isObject } from '../json.ts';
import type { JsonObject } from '../json.ts';
import type { OpenApiBuilders, OpenApiResource } from './openapi.ts';

export const openApiBuilders: OpenApiBuilders = {
  buildOpenApiV2: (resources) => narrowPatchTypes(buildOpenApiV2(resources), resources),
  encodeOpenApiV2,
  encodeOpenApiV3,
  buildOpenApiV3: (groupVersion, resources) => narrowPatchTypes(buildOpenApiV3(groupVersion, resources), resources),
};

/** kubectl sends the patch type that the document offers: it must name only what the kind takes. Changes `document`. */
function narrowPatchTypes<T extends object>(document: T, resources: readonly OpenApiResource[]): T {
  const accepted = new Map(resources.map((item) => [`${item.group}/${item.version}/${item.kind}`, item.patchTypes]));
  const paths = 'paths' in document && isObject(document.paths) ? document.paths : {};
  for (const path of Object.values(paths)) {
    const patch = isObject(path) && isObject(path['patch']) ? path['patch'] : undefined;
    const kind = patch?.['x-kubernetes-group-version-kind'];
    if (patch === undefined || !isObject(kind)) {
      continue;
    }
    const types = accepted.get(`${String(kind['group'])}/${String(kind['version'])}/${String(kind['kind'])}`);
    if (types !== undefined) {
      narrow(patch, types);
    }
  }
  return document;
}

function narrow(patch: JsonObject, types: readonly string[]): void {
  if (Array.isArray(patch['consumes'])) {
    patch['consumes'] = patch['consumes'].filter((type) => types.includes(String(type)));
  }
  const body = patch['requestBody'];
  if (isObject(body) && isObject(body['content'])) {
    body['content'] = Object.fromEntries(Object.entries(body['content']).filter(([type]) => types.includes(type)));
  }
}
