/**
 * ValidatingAdmissionPolicies: rules in CEL, asked in process. A policy takes effect through its bindings. Source:
 * k8s.io/apiserver/pkg/admission/plugin/policy/validating.
 */
import type { KubeObject } from '../../../apimachinery/object.ts';
import { labelSelectorRequirements, matchesLabels } from '../../../apimachinery/selectors.ts';
import { failure } from '../../../apimachinery/status.ts';
import type { StatusError } from '../../../apimachinery/status.ts';
import { errorMessage } from '../../../base/errors.ts';
import type { CelValue } from '../../schema/cel/engine.ts';
import { loadEngine } from '../../schema/cel/load-engine.ts';
import type { StoreEvent } from '../../store/store.ts';
import { parseStored } from '../object-view.ts';
import { apiVersionOf, listStoragePrefix, objectStorageKey, storagePrefix } from '../resource.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../types.ts';
import { createExpression, toVariables } from './expressions.ts';
import { matchesSelectors, readSelectors } from './match.ts';
import { reviewRequest } from './review.ts';
import { isExempt, isOwnWrite, matchedVersion, mayConcern, readSubject, toVersion } from './subject.ts';
import type { Subject, WebhookContext } from './subject.ts';
import { admissionRegistrationGroup } from './types.ts';
import type { AdmissionPolicy, AdmissionPolicyBinding, MatchResources } from './types.ts';

type Expression = ReturnType<typeof createExpression>;

interface ReadyPolicy {
  readonly policy: AdmissionPolicy;
  readonly variables: readonly { readonly name: string; readonly read: Expression }[];
  readonly conditions: readonly Expression[];
  readonly validations: readonly {
    readonly holds: Expression;
    readonly say: Expression | undefined;
    readonly source: NonNullable<AdmissionPolicy['spec']['validations']>[number];
  }[];
}

const maxParams = 100;

export function createPolicyPlugin(context: WebhookContext): AdmissionPlugin & { close(): void } {
  const policies = watchObjects(context, 'validatingadmissionpolicies', (object) => ready(object as AdmissionPolicy));
  const bindings = watchObjects(
    context,
    'validatingadmissionpolicybindings',
    (object) => object as AdmissionPolicyBinding,
  );
  return {
    name: 'ValidatingAdmissionPolicy',
    matches: (type, operation) =>
      bindings.byName.size > 0 &&
      !isExempt(type) &&
      [...policies.byName.values()].some(({ policy }) =>
        mayConcern(policy.spec.matchConstraints?.resourceRules, type, operation),
      ),
    async admit(request) {
      await Promise.resolve();
      return decide(context, request, { policies: policies.byName, bindings: [...bindings.byName.values()] });
    },
    close() {
      policies.close();
      bindings.close();
    },
  };
}

function ready(policy: AdmissionPolicy): ReadyPolicy {
  const { variables = [], matchConditions = [], validations = [] } = policy.spec;
  return {
    policy,
    variables: variables.map(({ name, expression }) => ({ name, read: createExpression(expression) })),
    conditions: matchConditions.map(({ expression }) => createExpression(expression)),
    validations: validations.map((source) => ({
      source,
      holds: createExpression(source.expression),
      say: source.messageExpression === undefined ? undefined : createExpression(source.messageExpression),
    })),
  };
}

interface Complaint {
  readonly text: string;
  readonly reason: string;
}

function decide(
  context: WebhookContext,
  request: AdmissionRequest,
  known: {
    readonly policies: ReadonlyMap<string, ReadyPolicy>;
    readonly bindings: readonly AdmissionPolicyBinding[];
  },
): { readonly warnings: readonly string[] } | undefined {
  const subject = isOwnWrite(request) ? undefined : readSubject(context, request);
  if (subject === undefined) {
    return undefined;
  }
  const warnings: string[] = [];
  const denials: Complaint[] = [];
  for (const binding of known.bindings) {
    const { policyName = '', matchResources, validationActions = [] } = binding.spec;
    const found = known.policies.get(policyName);
    const version = found && concerned(subject, found.policy.spec.matchConstraints);
    if (
      found === undefined ||
      version === undefined ||
      (matchResources !== undefined && concerned(subject, matchResources) === undefined)
    ) {
      continue;
    }
    const { name } = binding.metadata;
    for (const { text, reason } of complaints(context, subject, { ready: found, binding, version })) {
      const named = `ValidatingAdmissionPolicy '${policyName}' with binding '${name}' denied request: ${text}`;
      if (validationActions.includes('Deny')) {
        denials.push({ text: named, reason });
      } else if (validationActions.includes('Warn')) {
        warnings.push(
          `Validation failed for ValidatingAdmissionPolicy '${policyName}' with binding '${name}': ${text}`,
        );
      }
    }
  }
  const [first] = denials;
  if (first !== undefined) {
    throw refusal(subject, first);
  }
  return { warnings };
}

/** The version that the policy sees; undefined: it is not about the request. A binding without rules takes all of them. */
function concerned(subject: Subject, match: MatchResources | undefined): string | undefined {
  const { object, oldObject, type } = subject.request;
  const { resourceRules = [], excludeResourceRules, matchPolicy } = match ?? {};
  const version = resourceRules.length === 0 ? type.version : matchedVersion(subject, resourceRules, matchPolicy);
  const selectors = readSelectors(match ?? {});
  return version !== undefined &&
    matchedVersion(subject, excludeResourceRules, matchPolicy) === undefined &&
    matchesSelectors(selectors, { namespaceLabels: subject.namespaceLabels, object, oldObject })
    ? version
    : undefined;
}

function complaints(
  context: WebhookContext,
  subject: Subject,
  work: { readonly ready: ReadyPolicy; readonly binding: AdmissionPolicyBinding; readonly version: string },
): readonly Complaint[] {
  const { policy } = work.ready;
  const failed = (error: unknown): Complaint[] =>
    policy.spec.failurePolicy === 'Ignore' ? [] : [{ text: errorMessage(error), reason: 'Invalid' }];
  const { request } = subject;
  const { object, oldObject, ...asked } = reviewRequest({
    ...request,
    requestType: request.type,
    type: { ...request.type, version: work.version },
    object: toVersion(subject, request.object, work.version),
    oldObject: toVersion(subject, request.oldObject, work.version),
  });
  const base = toVariables({ object, oldObject, request: asked, namespaceObject: subject.namespaceObject() });
  try {
    if (!work.ready.conditions.every((holds) => holds(base) === true)) {
      return [];
    }
    const params = findParams(context, subject, work);
    const { convertUntyped } = loadEngine();
    return params.flatMap((param) => judge(work.ready, { ...base, params: convertUntyped(param ?? null) }, failed));
  } catch (error) {
    return failed(error);
  }
}

function judge(
  { variables, validations }: ReadyPolicy,
  base: Readonly<Record<string, CelValue>>,
  failed: (error: unknown) => readonly Complaint[],
): readonly Complaint[] {
  const { makeVariables } = loadEngine();
  // A variable that cannot be told counts where it is used: it is left out, so that its use is an error.
  const values = new Map<string, CelValue>();
  let all = { ...base, variables: makeVariables(values) };
  for (const { name, read } of variables) {
    try {
      values.set(name, read(all));
      all = { ...base, variables: makeVariables(values) };
    } catch {
      continue;
    }
  }
  return validations.flatMap(({ holds, say, source }) => {
    try {
      if (holds(all) === true) {
        return [];
      }
    } catch (error) {
      return failed(new Error(`expression '${source.expression}' resulted in error: ${errorMessage(error)}`));
    }
    const text = said(say, all) ?? source.message?.trim() ?? `failed expression: ${source.expression.trim()}`;
    return [{ text, reason: source.reason ?? 'Invalid' }];
  });
}

function said(say: Expression | undefined, variables: Readonly<Record<string, CelValue>>): string | undefined {
  try {
    const text = say?.(variables);
    return typeof text === 'string' && text.trim() !== '' && !text.includes('\n')
      ? text.trim().slice(0, 5_120)
      : undefined;
  } catch {
    return undefined;
  }
}

/** The objects with settings: `[undefined]` for a policy without, none where they may be missing. Throws where they may not. */
function findParams(
  { registry, store }: WebhookContext,
  { request }: Subject,
  { ready: { policy }, binding }: { readonly ready: ReadyPolicy; readonly binding: AdmissionPolicyBinding },
): readonly (KubeObject | undefined)[] {
  const { paramKind } = policy.spec;
  const { paramRef } = binding.spec;
  if (paramKind === undefined || paramRef === undefined) {
    return [undefined];
  }
  const definition = registry
    .definitions()
    .find(
      ({ group, kind, versions }) =>
        kind === paramKind.kind &&
        versions.some(({ name, served }) => served && apiVersionOf(group, name) === paramKind.apiVersion),
    );
  if (definition === undefined) {
    throw new Error(
      `failed to find resource referenced by paramKind: '${paramKind.apiVersion}, Kind=${paramKind.kind}'`,
    );
  }
  const namespace = definition.namespaced ? (paramRef.namespace ?? request.namespace) : undefined;
  if (definition.namespaced && namespace === undefined) {
    throw new Error('cannot use namespaced paramRef in policy binding that matches cluster-scoped resources');
  }
  let found: KubeObject[];
  if (paramRef.name !== undefined) {
    const entry = store.latest(objectStorageKey(definition, namespace, paramRef.name));
    found = entry === undefined ? [] : [parseStored(entry.value)];
  } else {
    const selector = labelSelectorRequirements(paramRef.selector ?? {});
    found = store
      .range({ prefix: listStoragePrefix(definition, namespace) })
      .entries.map(({ value }) => parseStored(value))
      .filter(({ metadata }) => matchesLabels(selector, metadata.labels))
      .slice(0, maxParams);
  }
  if (found.length === 0 && paramRef.parameterNotFoundAction !== 'Allow') {
    throw new Error('no params found for policy binding with `Deny` parameterNotFoundAction');
  }
  return found;
}

const codes: Readonly<Record<string, number>> = { Unauthorized: 401, Forbidden: 403, RequestEntityTooLarge: 413 };

function refusal({ definition, request }: Subject, { text, reason }: Complaint): StatusError {
  const { group, resource } = definition;
  const qualified = group === '' ? resource : `${resource}.${group}`;
  return failure(codes[reason] ?? 422, reason, `${qualified} ${JSON.stringify(request.name)} is forbidden: ${text}`, {
    ...(request.name !== '' && { name: request.name }),
    ...(group !== '' && { group }),
    kind: resource,
    causes: [{ message: text }],
  });
}

function watchObjects<T>(context: WebhookContext, resource: string, make: (object: KubeObject) => T) {
  const prefix = storagePrefix(admissionRegistrationGroup, resource);
  const byName = new Map<string, T>();
  const set = (bytes: Buffer): void => {
    const object = parseStored(bytes);
    byName.set(object.metadata.name, make(object));
  };
  const watch = context.store.watch({
    prefix,
    afterRevision: context.store.revision,
    onEvent(event: StoreEvent) {
      if (event.type === 'delete') {
        byName.delete(parseStored(event.value).metadata.name);
      } else {
        set(event.value);
      }
    },
  });
  for (const entry of context.store.range({ prefix }).entries) {
    set(entry.value);
  }
  return { byName, close: () => watch.close() };
}
