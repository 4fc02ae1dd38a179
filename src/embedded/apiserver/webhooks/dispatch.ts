/**
 * Asks the admission webhooks, as plug-ins of the server: the mutating ones before all other plug-ins, one after the other; the
 * validating ones after them, all at once.
 */
import { cloneJson } from '../../../apimachinery/clone-json.ts';
import jsonPatch from 'fast-json-patch';
import type { Operation } from 'fast-json-patch';
import type { KubeObject } from '../../../apimachinery/object.ts';
import { badRequest, forbidden, internalError, StatusError } from '../../../apimachinery/status.ts';
import { errorMessage } from '../../../base/errors.ts';
import { isObject } from '../json.ts';
import { limits } from '../limits.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../types.ts';
import { toVariables } from './expressions.ts';
import { watchWebhooks } from './known-webhooks.ts';
import type { ReadyWebhook } from './known-webhooks.ts';
import { matchesSelectors } from './match.ts';
import { createPolicyPlugin } from './policies.ts';
import { createServiceResolver } from './resolve-service.ts';
import { CallError, denial, readAnswer, reviewQuestion, reviewRequest } from './review.ts';
import type { ReviewAnswer, ReviewInput } from './review.ts';
import { isExempt, isOwnWrite, matchedVersion, mayConcern, readSubject, toVersion } from './subject.ts';
import type { Subject, WebhookContext } from './subject.ts';

export interface WebhookPlugins {
  /** Before all other plug-ins: these have the last word on what is stored. */
  readonly first: readonly AdmissionPlugin[];
  /** After those that change objects. */
  readonly last: readonly AdmissionPlugin[];
  close(): void;
}

/** One webhook's answer about one request. */
interface Asked {
  readonly answer: ReviewAnswer;
  /** The version the webhook saw. */
  readonly version: string;
}

export function createWebhookPlugins(context: WebhookContext): WebhookPlugins {
  const resolveService = createServiceResolver(context);
  const mutating = watchWebhooks(context, 'mutatingwebhookconfigurations', resolveService);
  const validating = watchWebhooks(context, 'validatingwebhookconfigurations', resolveService);
  const matchesOf = (known: { readonly all: readonly ReadyWebhook[] }): AdmissionPlugin['matches'] => {
    return (type, operation) =>
      known.all.length > 0 &&
      !isExempt(type) &&
      known.all.some(({ webhook }) => mayConcern(webhook.rules, type, operation));
  };
  const policies = createPolicyPlugin(context);
  const mutatingPlugin: AdmissionPlugin = {
    name: 'mutating webhooks',
    matches: matchesOf(mutating),
    admit: (request) => mutate(context, mutating.all, request),
  };
  const validatingPlugin: AdmissionPlugin = {
    name: 'validating webhooks',
    matches: matchesOf(validating),
    admit: (request) => validate(context, validating.all, request),
  };
  return {
    first: [mutatingPlugin],
    last: [policies, validatingPlugin],
    close() {
      mutating.close();
      validating.close();
      policies.close();
    },
  };
}

async function validate(context: WebhookContext, webhooks: readonly ReadyWebhook[], request: AdmissionRequest) {
  const subject = isOwnWrite(request) ? undefined : readSubject(context, request);
  if (subject === undefined) {
    return undefined;
  }
  const outcomes = await Promise.allSettled(webhooks.map((ready) => ask(context, ready, subject)));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) {
    throw failed.reason;
  }
  const asked = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' && outcome.value) || []);
  return { warnings: asked.flatMap(({ answer }) => answer.warnings) };
}

async function mutate(context: WebhookContext, webhooks: readonly ReadyWebhook[], first: AdmissionRequest) {
  const subject = isOwnWrite(first) ? undefined : readSubject(context, first);
  if (subject === undefined) {
    return undefined;
  }
  const warnings: string[] = [];
  let { object } = first;
  /** Asked already, and to be asked again when the object changes after them. */
  let reinvocable: ReadyWebhook[] = [];
  let again: ReadyWebhook[] = [];

  const askOne = async (ready: ReadyWebhook): Promise<void> => {
    const request = { ...first, object };
    const asked = await ask(context, ready, { ...subject, request });
    if (asked === undefined) {
      return;
    }
    warnings.push(...asked.answer.warnings);
    const changed = patched(ready, { ...subject, request }, asked);
    if (changed !== undefined) {
      object = changed;
      again = [...again, ...reinvocable];
      reinvocable = [];
    }
    if (ready.webhook.reinvocationPolicy === 'IfNeeded') {
      reinvocable.push(ready);
    }
  };

  for (const ready of webhooks) {
    await askOne(ready);
  }
  // One more round, whatever that changes: as kube-apiserver.
  const second = new Set(again);
  for (const ready of webhooks.filter((webhook) => second.has(webhook))) {
    await askOne(ready);
  }
  return { warnings, ...(object !== undefined && object !== first.object && { object }) };
}

/** undefined: the webhook does not want to hear of it, or failed and may. Throws StatusError to refuse the request. */
async function ask(context: WebhookContext, ready: ReadyWebhook, subject: Subject): Promise<Asked | undefined> {
  const { webhook, selectors, conditions, caller } = ready;
  const { request } = subject;
  const version = matchedVersion(subject, webhook.rules, webhook.matchPolicy);
  const { object, oldObject } = request;
  if (
    version === undefined ||
    !matchesSelectors(selectors, { namespaceLabels: subject.namespaceLabels, object, oldObject })
  ) {
    return undefined;
  }
  const input: ReviewInput = {
    ...request,
    requestType: request.type,
    type: { ...request.type, version },
    object: toVersion(subject, object, version),
    oldObject: toVersion(subject, oldObject, version),
  };
  const question = reviewRequest(input);
  if (conditions.length > 0 && !conditionsHold(ready, question, subject)) {
    return undefined;
  }
  if (request.dryRun && webhook.sideEffects !== 'None' && webhook.sideEffects !== 'NoneOnDryRun') {
    throw badRequest(`admission webhook ${JSON.stringify(webhook.name)} does not support dry run`);
  }
  try {
    const body = await call();
    const answer = readAnswer(webhook.name, question['uid'], body);
    if (!answer.allowed) {
      throw denial(webhook.name, answer.status);
    }
    return { answer, version };
  } catch (error) {
    if (!(error instanceof CallError)) {
      throw error;
    }
    if (webhook.failurePolicy === 'Ignore') {
      context.logger.warn({ webhook: webhook.name, error: error.message }, 'webhook failed: going on without it');
      return undefined;
    }
    throw internalError(error.message, { cause: error });
  }

  async function call(): Promise<unknown> {
    try {
      return await caller.post(reviewQuestion(question), (webhook.timeoutSeconds ?? 10) * 1000);
    } catch (error) {
      throw new CallError(webhook.name, `failed to call webhook: ${errorMessage(error)}`, { cause: error });
    }
  }
}

/** One condition that is false spares the question; one that cannot be told counts as the failure policy says. */
function conditionsHold(ready: ReadyWebhook, question: Record<string, unknown>, subject: Subject): boolean {
  const { object, oldObject, ...request } = question;
  const variables = toVariables({ object, oldObject, request });
  const problems: string[] = [];
  for (const { name, holds } of ready.conditions) {
    try {
      if (holds(variables) !== true) {
        return false;
      }
    } catch (error) {
      problems.push(`matchConditions[${JSON.stringify(name)}]: ${errorMessage(error)}`);
    }
  }
  if (problems.length === 0) {
    return true;
  }
  if (ready.webhook.failurePolicy === 'Ignore') {
    return false;
  }
  throw forbidden(subject.definition, subject.request.name, problems.join('; '));
}

/** The object after the webhook's patch, in the request's version; undefined: as before. */
function patched(ready: ReadyWebhook, subject: Subject, { answer, version }: Asked): KubeObject | undefined {
  const { webhook } = ready;
  const { request } = subject;
  const { patch } = answer;
  if (patch.length === 0) {
    return undefined;
  }
  const named = `admission webhook ${JSON.stringify(webhook.name)}`;
  if (request.object === undefined) {
    throw internalError(`${named} attempted to modify the object, which is not supported for this operation`);
  }
  if (patch.length > limits.jsonPatchOperations) {
    throw internalError(
      `${named} answered a patch of ${patch.length} operations; at most ${limits.jsonPatchOperations} are allowed`,
    );
  }
  const before = cloneJson(toVersion(subject, request.object, version) ?? request.object);
  const after = applied(named, before, patch);
  const { metadata } = after;
  if (
    !isObject(metadata) ||
    metadata.name !== request.object.metadata.name ||
    metadata.namespace !== request.object.metadata.namespace ||
    after.kind !== request.object.kind ||
    after.apiVersion !== before.apiVersion
  ) {
    throw internalError(`${named} changed the name, the namespace or the kind of the object, which is not allowed`);
  }
  return toVersion(subject, after, request.type.version);
}

function applied(named: string, before: KubeObject, patch: readonly unknown[]): KubeObject {
  try {
    // Bounded before each copy grows the object: an operation adds at most what the object or the patch holds.
    let document: unknown = before;
    for (const operation of patch) {
      document = jsonPatch.applyOperation(document, operation as Operation, true, true, true).newDocument;
      if (isCopy(operation) && JSON.stringify(document).length > limits.objectBytes) {
        throw new Error(`the object grows beyond ${limits.objectBytes} bytes`);
      }
    }
    return document as KubeObject;
  } catch (error) {
    if (error instanceof StatusError) {
      throw error;
    }
    const [reason = ''] = errorMessage(error).split('\n');
    throw internalError(`${named} answered a patch that cannot be applied: ${reason}`, { cause: error });
  }
}

function isCopy(operation: unknown): boolean {
  return isObject(operation) && operation['op'] === 'copy';
}
