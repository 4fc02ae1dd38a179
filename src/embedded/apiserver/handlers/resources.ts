/** Requests for objects: method and path to verb, options and form of the answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { badRequest, methodNotSupported, unknownPath, unsupportedMediaType } from '../../../apimachinery/status.ts';
import { answerReview } from '../builtins/access-review.ts';
import { finalizedNamespace } from '../builtins/plain.ts';
import { applyObject, requireManagerName, requirePatchOptions } from '../apply-verb.ts';
import type { ApiContext, ObjectRequest } from '../context.ts';
import { withConversions } from '../conversion-needed.ts';
import { createObject } from '../create-verb.ts';
import { deleteCollection, deletedStatus, deleteObject } from '../delete-verb.ts';
import { cloneJson } from '../../../apimachinery/clone-json.ts';
import { isObject, parseJson } from '../json.ts';
import { parseMediaType } from '../negotiate.ts';
import { viewObject } from '../object-view.ts';
import type { ObjectView } from '../object-view.ts';
import { applyPatch, applyPatchType, patchTypes } from '../patch/apply-patch.ts';
import type { PatchType } from '../patch/apply-patch.ts';
import { getObject, listObjects, requireRevision } from '../read-verbs.ts';
import {
  parseDeleteOptions,
  parseForce,
  parseListOptions,
  requireNoInitialEvents,
  parseWriteOptions,
} from '../request-options.ts';
import type { WriteRequestOptions } from '../request-options.ts';
import { verbOf } from '../request-attributes.ts';
import type { ResourcePath } from '../request-path.ts';
import { apiVersionOf } from '../resource.ts';
import type { Access, UserInfo } from '../types.ts';
import { createSubresource } from '../subresource-verb.ts';
import { changeObject } from '../update-verb.ts';
import { asObject, reportFields } from '../admit.ts';
import { parseYaml, readBody, readValue } from './body.ts';
import { parseIncludeObject, presentList, presentObject, requireNegotiated } from './present.ts';
import { sendObject, setWarnings } from './respond.ts';
import { getScale, scaleConfiguration, setScale } from './scale.ts';
import { asksWatch, parseWatch, prepareWatch, resolveRequest } from './watch-request.ts';
import { httpOutput } from './watch-http.ts';
import { streamWatch } from './watch-stream.ts';

export interface ResourceCall {
  /** Throws Forbidden where the user may not do this to the resource of the path. */
  readonly requireAllowed: (verb: string) => void;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: ResourcePath;
  readonly query: URLSearchParams;
  readonly user: UserInfo;
}

export async function handleResource(context: ApiContext, access: Access, call: ResourceCall): Promise<void> {
  const { path, query, user, response } = call;
  const method = call.request.method ?? 'GET';
  const userAgent = call.request.headers['user-agent'];
  const request = resolveRequest(context, { method, path, user, userAgent });
  const { definition, version } = request.resolved;
  if (version.deprecated === true) {
    const text = `${apiVersionOf(definition.group, version.name)} ${definition.kind} is deprecated`;
    setWarnings(response, [version.deprecationWarning ?? text]);
  }
  if (definition.strategy.virtual === true) {
    if (method !== 'POST' || path.name !== undefined) {
      throw methodNotSupported(definition, verbOf(method, path, query));
    }
    const review = asObject(request, await readValue(call.request));
    await reply(call, request, 201, viewObject(answerReview(review, user, access) as ObjectView['object']));
    return;
  }
  if (asksWatch(path, query) && (path.watch === true || method === 'GET')) {
    await handleWatch(context, call, request);
  } else if (path.name === undefined) {
    await handleCollection(context, call, request, method);
  } else if (path.subresource === undefined) {
    await handleObject(context, call, request, { method, name: path.name });
  } else {
    await handleSubresource(context, call, request, { method, name: path.name, subresource: path.subresource });
  }
}

async function handleCollection(
  context: ApiContext,
  call: ResourceCall,
  request: ObjectRequest,
  method: string,
): Promise<void> {
  const { query, response } = call;
  const form = requireNegotiated(call.request.headers.accept);
  const include = parseIncludeObject(query);
  switch (method) {
    case 'GET':
    case 'HEAD':
      requireNoInitialEvents(query);
      await sendObject(
        response,
        200,
        form.mediaType,
        presentList(
          request.resolved,
          await withConversions(() => listObjects(context, request, parseListOptions(query))),
          form,
          include,
        ),
      );
      return;
    case 'POST': {
      const options = parseWriteOptions(query);
      requireManagerName('CreateOptions', options);
      const view = await createObject(context, request, await readObject(call, request, options), options);
      await reply(call, request, 201, view);
      return;
    }
    case 'DELETE': {
      const { definition } = request.resolved;
      if (definition.strategy.verbs?.includes('deletecollection') === false) {
        throw methodNotSupported(definition, 'deletecollection');
      }
      const options = parseDeleteOptions(query, await readValue(call.request));
      const found = await deleteCollection(context, request, parseListOptions(query), options);
      const list = { ...found, continue: undefined };
      await sendObject(response, 200, form.mediaType, presentList(request.resolved, list, form, include));
      return;
    }
    default:
      throw methodNotSupported(request.resolved.definition, method);
  }
}

async function handleObject(
  context: ApiContext,
  call: ResourceCall,
  request: ObjectRequest,
  target: { method: string; name: string },
): Promise<void> {
  const { query } = call;
  const { method, name } = target;
  switch (method) {
    case 'GET':
    case 'HEAD':
      requireRevision(context, query.get('resourceVersion') || '0');
      await reply(call, request, 200, await withConversions(() => getObject(context, request, name)));
      return;
    case 'PUT':
    case 'PATCH': {
      const { code, view } = await writeObject(context, call, request, { ...target, subresource: undefined });
      await reply(call, request, code, view);
      return;
    }
    case 'DELETE': {
      const options = parseDeleteOptions(query, await readValue(call.request));
      const { gone, view } = await deleteObject(context, request, name, options);
      await reply(
        call,
        request,
        200,
        gone ? viewObject(deletedStatus(request, view.object) as unknown as ObjectView['object']) : view,
        gone,
      );
      return;
    }
    default:
      throw methodNotSupported(request.resolved.definition, method);
  }
}

async function handleWatch(context: ApiContext, call: ResourceCall, request: ObjectRequest): Promise<void> {
  const { path, query, response } = call;
  const form = requireNegotiated(call.request.headers.accept);
  const options = parseWatch(request, { method: call.request.method ?? 'GET', path, query });
  await prepareWatch(context, request);
  streamWatch(context, request, options, { output: httpOutput(response), form, include: parseIncludeObject(query) });
}

function readObject(
  call: ResourceCall,
  request: ObjectRequest,
  { fieldValidation }: WriteRequestOptions,
): Promise<unknown> {
  if (fieldValidation === 'Ignore') {
    return readValue(call.request);
  }
  return readValue(call.request, (paths) => {
    reportFields(
      request,
      paths.map((path) => `duplicate field ${JSON.stringify(path)}`),
      fieldValidation,
    );
  });
}

async function writeObject(
  context: ApiContext,
  call: ResourceCall,
  request: ObjectRequest,
  target: { method: string; name: string; subresource: 'status' | undefined },
): Promise<{ code: number; view: ObjectView }> {
  const { name, subresource } = target;
  const options = { ...parseWriteOptions(call.query), subresource };
  if (target.method === 'PUT') {
    requireManagerName('UpdateOptions', options);
    const body = await readObject(call, request, options);
    // A clone per attempt, as each attempt changes its object.
    return { code: 200, view: await changeObject(context, request, name, options, () => cloneJson(body)) };
  }
  const { type, patch } = await readPatch(call);
  if (type === 'apply') {
    requireTyped(patch);
    const force = parseForce(call.query) ?? false;
    const requireCreate = (): void => call.requireAllowed('create');
    const applied = { ...options, force, requireCreate };
    const { created, view } = await applyObject(context, request, { name, body: patch }, applied);
    return { code: created ? 201 : 200, view };
  }
  const strategic = request.resolved.definition.strategy.strategicMerge === true;
  const view = await changeObject(context, request, name, { ...options, relative: true }, (current) =>
    applyPatch(type, current, patch, strategic),
  );
  return { code: 200, view };
}

/** A configuration says of what kind and version its fields are; nothing is taken from the path. */
function requireTyped(configuration: unknown): void {
  if (!isObject(configuration)) {
    return; // Refused below, as for every verb.
  }
  for (const field of ['apiVersion', 'kind']) {
    const value = configuration[field];
    if (typeof value !== 'string' || value === '') {
      throw badRequest(`the configuration has no ${field}; an apply needs apiVersion and kind`);
    }
  }
}

/** Throws Invalid for options that do not fit the type, and UnsupportedMediaType. */
async function readPatch({ request, query }: ResourceCall): Promise<{ type: PatchType | 'apply'; patch: unknown }> {
  const { type: contentType } = parseMediaType(request.headers['content-type'] ?? '');
  const isApply = contentType === applyPatchType;
  requirePatchOptions({ ...parseWriteOptions(query), force: parseForce(query) }, isApply);
  const bytes = await readBody(request);
  if (isApply) {
    return { type: 'apply', patch: await parseYaml(bytes) };
  }
  for (const [type, name] of Object.entries(patchTypes) as [PatchType, string][]) {
    if (name === contentType) {
      return { type, patch: parseJson(bytes).value };
    }
  }
  throw unsupportedMediaType([...Object.values(patchTypes), applyPatchType]);
}

async function handleSubresource(
  context: ApiContext,
  call: ResourceCall,
  request: ObjectRequest,
  target: { method: string; name: string; subresource: string },
): Promise<void> {
  const { method, name, subresource } = target;
  const { definition, version } = request.resolved;
  if (subresource === 'status' && version.hasStatus) {
    if (method === 'GET') {
      await reply(call, request, 200, await withConversions(() => getObject(context, request, name)));
    } else if (method === 'PUT' || method === 'PATCH') {
      const { code, view } = await writeObject(context, call, request, { ...target, subresource: 'status' });
      await reply(call, request, code, view);
    } else {
      throw methodNotSupported(definition, method);
    }
    return;
  }
  if (subresource === 'scale' && version.scale !== undefined) {
    const { scale } = version;
    if (method === 'GET') {
      await reply(
        call,
        request,
        200,
        getScale((await withConversions(() => getObject(context, request, name))).object, scale),
        true,
      );
      return;
    }
    if (method === 'PUT' || method === 'PATCH') {
      const change =
        method === 'PUT' ? ({ type: 'put', patch: await readValue(call.request) } as const) : await readPatch(call);
      const options = { ...parseWriteOptions(call.query), recordedAs: 'scale' };
      const { type, patch } = change;
      let view: ObjectView;
      if (type === 'apply') {
        const body = scaleConfiguration(request.resolved, scale, patch);
        const force = parseForce(call.query) ?? false;
        ({ view } = await applyObject(context, request, { name, body }, { ...options, force }));
      } else {
        view = await changeObject(context, request, name, { ...options, relative: true }, (current) =>
          setScale(current, scale, (shown) => (type === 'put' ? patch : applyPatch(type, shown, patch, false))),
        );
      }
      await reply(call, request, 200, getScale(view.object, scale), true);
      return;
    }
    throw methodNotSupported(definition, method);
  }
  if (subresource === 'finalize' && definition.strategy.subresources?.includes(subresource) === true) {
    if (method !== 'PUT') {
      throw methodNotSupported(definition, method);
    }
    const options = { ...parseWriteOptions(call.query), subresource };
    const body = await readObject(call, request, options);
    const view = await changeObject(context, request, name, options, (current) =>
      isObject(body) ? finalizedNamespace(cloneJson(body), current) : body,
    );
    await reply(call, request, 200, view);
    return;
  }
  if (method !== 'POST') {
    throw unknownPath();
  }
  const body = await readValue(call.request);
  const status = await createSubresource(context, request, { name, subresource, body }, parseWriteOptions(call.query));
  await reply(call, request, 201, viewObject(status as ObjectView['object']), true);
}

/** `asIs`: a Status or Scale, which has no table form. */
async function reply(
  call: ResourceCall,
  request: ObjectRequest,
  code: number,
  view: ObjectView,
  asIs = false,
): Promise<void> {
  const form = requireNegotiated(call.request.headers.accept);
  setWarnings(call.response, request.warnings);
  const bytes = asIs ? view.bytes : presentObject(request.resolved, view, form, parseIncludeObject(call.query));
  await sendObject(call.response, code, form.mediaType, bytes);
}
