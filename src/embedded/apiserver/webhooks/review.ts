/** AdmissionReview, question and answer. Pure. Source: k8s.io/api/admission/v1 and the webhook plug-in's request package. */
import { randomUUID } from 'node:crypto';
import type { KubeObject } from '../../../apimachinery/object.ts';
import { failure } from '../../../apimachinery/status.ts';
import type { Status, StatusError } from '../../../apimachinery/status.ts';
import { VmletError } from '../../../base/errors.ts';
import { isObject } from '../json.ts';
import type { AdmissionType, UserInfo } from '../types.ts';

export interface ReviewInput {
  /** As the webhook's rule names it. */
  readonly type: AdmissionType;
  /** As the client asked. */
  readonly requestType: AdmissionType;
  readonly operation: string;
  readonly name: string;
  readonly namespace: string | undefined;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  readonly object: KubeObject | undefined;
  readonly oldObject: KubeObject | undefined;
}

/** The `request` part of the question; expressions see it too. */
export function reviewRequest(input: ReviewInput): Record<string, unknown> {
  const { type, requestType, user, namespace } = input;
  const { group, version, resource, kind, subresource } = type;
  const sub = subresource === undefined ? {} : { subResource: subresource, requestSubResource: subresource };
  return {
    uid: randomUUID(),
    kind: { group, version, kind },
    resource: { group, version, resource },
    ...sub,
    requestKind: { group: requestType.group, version: requestType.version, kind: requestType.kind },
    requestResource: { group: requestType.group, version: requestType.version, resource: requestType.resource },
    name: input.name,
    ...(namespace !== undefined && { namespace }),
    operation: input.operation,
    userInfo: {
      username: user.name,
      ...(user.uid !== undefined && { uid: user.uid }),
      groups: user.groups,
      ...(user.extra && { extra: user.extra }),
    },
    object: input.object ?? null,
    oldObject: input.oldObject ?? null,
    dryRun: input.dryRun,
    options: {
      apiVersion: 'meta.k8s.io/v1',
      kind: `${input.operation.charAt(0)}${input.operation.slice(1).toLowerCase()}Options`,
      ...(input.dryRun && { dryRun: ['All'] }),
    },
  };
}

/** The webhook gave no usable answer: what failurePolicy is about. */
export class CallError extends VmletError {
  constructor(webhook: string, reason: string, options?: ErrorOptions) {
    super('WebhookCall', `failed calling webhook ${JSON.stringify(webhook)}: ${reason}`, options);
  }
}

export interface ReviewAnswer {
  readonly allowed: boolean;
  readonly status: Partial<Status>;
  readonly warnings: readonly string[];
  /** JSON patch operations; empty for none. */
  readonly patch: readonly unknown[];
}

const reviewVersion = 'admission.k8s.io/v1';
const maxWarnings = 20;

export function reviewQuestion(request: Record<string, unknown>): Buffer {
  return Buffer.from(JSON.stringify({ kind: 'AdmissionReview', apiVersion: reviewVersion, request }));
}

/** Throws CallError for an answer to nothing that was asked. */
export function readAnswer(webhook: string, uid: unknown, body: unknown): ReviewAnswer {
  const bad = (reason: string): CallError => new CallError(webhook, `received invalid webhook response: ${reason}`);
  const review = isObject(body) ? body : {};
  if (review['apiVersion'] !== reviewVersion || review['kind'] !== 'AdmissionReview') {
    const got = `${text(review['apiVersion'])}, Kind=${text(review['kind'])}`;
    throw bad(`expected webhook response of ${reviewVersion}, Kind=AdmissionReview, got ${got}`);
  }
  const { response } = review;
  if (!isObject(response)) {
    throw bad('webhook response was absent');
  }
  if (response['uid'] !== uid) {
    throw bad(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(text(response['uid']))}`);
  }
  const { patch, patchType } = response;
  const hasPatch = typeof patch === 'string' && patch !== '';
  if (hasPatch && patchType === undefined) {
    throw bad('webhook returned response.patch but not response.patchType');
  }
  if (!hasPatch && patchType !== undefined) {
    throw bad('webhook returned response.patchType but not response.patch');
  }
  if (hasPatch && patchType !== 'JSONPatch') {
    throw bad(`invalid webhook response.patchType of ${JSON.stringify(patchType)}`);
  }
  const warnings = Array.isArray(response['warnings']) ? response['warnings'] : [];
  return {
    allowed: response['allowed'] === true,
    status: isObject(response['status']) ? response['status'] : {},
    warnings: warnings.filter((warning): warning is string => typeof warning === 'string').slice(0, maxWarnings),
    patch: hasPatch ? readPatch(webhook, patch) : [],
  };
}

function readPatch(webhook: string, patch: string): readonly unknown[] {
  try {
    const operations: unknown = JSON.parse(Buffer.from(patch, 'base64').toString('utf8'));
    if (Array.isArray(operations)) {
      return operations;
    }
  } catch {
    // Falls through to the refusal below.
  }
  throw new CallError(webhook, 'received undecodable patch in webhook response: not a list of JSON patch operations');
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 200) : '';
}

const maxMessageLength = 8_192;

/** What the client is told when a webhook refuses. */
export function denial(webhook: string, given: Partial<Status>): StatusError {
  const isCode = Number.isInteger(given.code) && Number(given.code) >= 400 && Number(given.code) <= 599;
  const deniedBy = `admission webhook ${JSON.stringify(webhook)} denied the request`;
  const said = [given.message, given.reason].find((part) => typeof part === 'string' && part !== '');
  const message =
    said === undefined ? `${deniedBy} without explanation` : `${deniedBy}: ${said.slice(0, maxMessageLength)}`;
  const reason = typeof given.reason === 'string' ? given.reason : '';
  const details = isObject(given.details) ? given.details : undefined;
  return failure(isCode ? Number(given.code) : 400, reason, message, details);
}
