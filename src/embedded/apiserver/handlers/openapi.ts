/** /openapi/v2 and /openapi/v3. The documents are built at first use and kept until the served resources change. */
import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { notAcceptable, unknownPath } from '../../../apimachinery/status.ts';
import { parseAccept } from '../negotiate.ts';
import type { Registry } from '../registry.ts';
import { allVerbs, apiVersionOf } from '../resource.ts';
import { applyPatchType, patchTypes } from '../patch/apply-patch.ts';
import type { DelegatedGroup } from '../types.ts';
import { sendDocument, sendJson } from './respond.ts';

/** What the document builders are told of a resource. */
export interface OpenApiResource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly resource: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly schema: object;
  readonly subresources: readonly string[];
  /** Media types that PATCH takes; clients choose by what the document says. */
  readonly patchTypes: readonly string[];
}

export interface OpenApiBuilders {
  buildOpenApiV2(resources: readonly OpenApiResource[]): object;
  /** As gnostic's protobuf, which kubectl before 1.27 insists on. */
  encodeOpenApiV2(document: object): Uint8Array;
  buildOpenApiV3(groupVersion: string, resources: readonly OpenApiResource[]): object;
  encodeOpenApiV3(document: object): Uint8Array;
}

export interface OpenApiHandler {
  /** `path` begins with /openapi/. Throws NotFound or NotAcceptable. */
  handle(path: string, request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** Asked for with `@`, answered with a dot: `@` is no valid media type, and newer clients parse the answer's. */
const protobufTypes = (version: 'v2' | 'v3'): readonly string[] => [
  `application/com.github.proto-openapi.spec.${version}@v1.0+protobuf`,
  protobufAnswer(version),
];
const protobufAnswer = (version: 'v2' | 'v3'): string =>
  `application/com.github.proto-openapi.spec.${version}.v1.0+protobuf`;

/** Does the client want protobuf rather than JSON? Throws NotAcceptable when neither. */
function prefersProtobuf(version: 'v2' | 'v3', accept: string | undefined): boolean {
  const protobuf = protobufTypes(version);
  for (const { type } of parseAccept(accept)) {
    if (protobuf.includes(type)) {
      return true;
    }
    if (/^(?:\*|application)\/(?:\*|json)$/u.test(type)) {
      return false;
    }
  }
  throw notAcceptable(['application/json', protobufAnswer(version)]);
}

export function createOpenApiHandler(
  registry: Registry,
  delegated: readonly DelegatedGroup[],
  /** Called at the first request, as the builders take memory that an idle server need not hold. */
  loadBuilders: () => Promise<OpenApiBuilders>,
): OpenApiHandler {
  let generation = -1;
  const cache = new Map<string, Buffer>();

  function cached(name: string, build: () => Uint8Array): Buffer {
    if (generation !== registry.generation) {
      cache.clear();
      ({ generation } = registry);
    }
    const known = cache.get(name) ?? Buffer.from(build());
    cache.set(name, known);
    return known;
  }

  const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));
  const v2Json = (builders: OpenApiBuilders): Buffer =>
    cached('v2', () => json(builders.buildOpenApiV2(describeAll(registry))));

  function v3(groupVersion: string, builders: OpenApiBuilders): Buffer | undefined {
    const resources = describeAll(registry).filter((item) => apiVersionOf(item.group, item.version) === groupVersion);
    if (resources.length > 0) {
      return cached(`v3 ${groupVersion}`, () => json(builders.buildOpenApiV3(groupVersion, resources)));
    }
    for (const { group, openapi } of delegated) {
      for (const [version, document] of Object.entries(openapi ?? {})) {
        if (apiVersionOf(group, version) === groupVersion) {
          return cached(`v3 ${groupVersion}`, () => json(document));
        }
      }
    }
    return undefined;
  }

  const started = randomUUID();

  /** Another one after each start and each change of what is served. */
  function hashOf(groupVersion: string): string {
    const text = `${started} ${registry.generation} ${groupVersion}`;
    return createHash('sha256').update(text).digest('hex').toUpperCase();
  }

  function index(): object {
    const served = describeAll(registry).map((item) => apiVersionOf(item.group, item.version));
    const others = delegated.flatMap(({ group, openapi }) =>
      Object.keys(openapi ?? {}).map((version) => apiVersionOf(group, version)),
    );
    const paths = [...new Set([...served, ...others])].map((groupVersion) => {
      const path = groupVersion.includes('/') ? `apis/${groupVersion}` : `api/${groupVersion}`;
      return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hashOf(groupVersion)}` }];
    });
    return { paths: Object.fromEntries(paths) as object };
  }

  return {
    async handle(path, request, response) {
      const builders = await loadBuilders();
      if (path === '/openapi/v2') {
        if (prefersProtobuf('v2', request.headers.accept)) {
          const bytes = cached('v2 protobuf', () =>
            builders.encodeOpenApiV2(JSON.parse(v2Json(builders).toString('utf8')) as object),
          );
          sendDocument(response, { type: protobufAnswer('v2'), bytes });
        } else {
          sendDocument(response, { type: 'application/json', bytes: v2Json(builders) });
        }
        return;
      }
      if (path === '/openapi/v3') {
        sendJson(response, 200, index());
        return;
      }
      const groupVersion = /^\/openapi\/v3\/apis?\/(.+)$/u.exec(path)?.[1];
      const document = groupVersion === undefined ? undefined : v3(groupVersion, builders);
      if (document === undefined) {
        throw unknownPath();
      }
      const immutable = (request.url ?? '').endsWith(`?hash=${hashOf(groupVersion ?? '')}`);
      if (prefersProtobuf('v3', request.headers.accept)) {
        const bytes = cached(`v3 ${groupVersion} protobuf`, () =>
          builders.encodeOpenApiV3(JSON.parse(document.toString('utf8')) as object),
        );
        sendDocument(response, { type: protobufAnswer('v3'), bytes, immutable });
      } else {
        sendDocument(response, { type: 'application/json', bytes: document, immutable });
      }
    },
  };
}

function describeAll(registry: Registry): OpenApiResource[] {
  return registry.definitions().flatMap((definition) =>
    definition.versions.flatMap((version) => {
      if (!version.served || version.openApiSchema === undefined) {
        return [];
      }
      const described: OpenApiResource = {
        group: definition.group,
        version: version.name,
        kind: definition.kind,
        resource: definition.resource,
        namespaced: definition.namespaced,
        verbs: definition.strategy.verbs ?? allVerbs,
        schema: version.openApiSchema,
        subresources: [
          ...(version.hasStatus ? ['status'] : []),
          ...(version.scale ? ['scale'] : []),
          ...(definition.strategy.subresources ?? []),
        ],
        patchTypes: [
          patchTypes.json,
          patchTypes.merge,
          ...(definition.strategy.strategicMerge === true ? [patchTypes.strategic] : []),
          applyPatchType,
        ],
      };
      return [described];
    }),
  );
}
