/**
 * The API's own errors. Source: metav1.Status and k8s.io/apimachinery/pkg/api/errors; codes, reasons and texts as
 * kube-apiserver gives them, since clients match on them.
 */
import { VmletError } from '../base/errors.ts';
import { fieldErrorBody, fieldErrorReasons, formatFieldError } from './field-error.ts';
import type { FieldError } from './field-error.ts';

export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

export interface Status {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: object;
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: {
    readonly name?: string;
    readonly group?: string;
    readonly kind?: string;
    readonly uid?: string;
    readonly causes?: readonly StatusCause[];
    readonly retryAfterSeconds?: number;
  };
  /** HTTP status code. */
  readonly code?: number;
}

/** What an error is about: a resource or, for `invalid`, its kind. */
export interface StatusSubject {
  readonly group: string;
  readonly resource: string;
  readonly kind?: string;
}

/** A refusal by the API, with the Status that goes on the wire. `code` is the Status reason. */
export class StatusError extends VmletError {
  readonly status: Status;

  constructor(status: Status, options?: ErrorOptions) {
    super(status.reason ?? 'Unknown', status.message ?? status.reason ?? 'unknown API error', options);
    this.status = status;
  }
}

/** A failure Status of any code and reason. */
export function failure(
  code: number,
  reason: string,
  message: string,
  details?: Status['details'],
  options?: ErrorOptions,
): StatusError {
  return new StatusError(
    {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason,
      ...(details && { details }),
      code,
    },
    options,
  );
}

export function success(details?: Status['details']): Status {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', ...(details && { details }), code: 200 };
}

/** `virtualmachines.kubevirt.io`, or `pods` in the core group. */
export function qualifiedResource(subject: StatusSubject): string {
  return subject.group === '' ? subject.resource : `${subject.resource}.${subject.group}`;
}

function detailsOf(subject: StatusSubject, name: string): { name?: string; group?: string; kind: string } {
  return {
    ...(name !== '' && { name }),
    ...(subject.group !== '' && { group: subject.group }),
    kind: subject.resource,
  };
}

export function notFound(subject: StatusSubject, name: string): StatusError {
  const message = `${qualifiedResource(subject)} ${JSON.stringify(name)} not found`;
  return failure(404, 'NotFound', message, detailsOf(subject, name));
}

/** The path names no resource that is served: kubectl shows `the server could not find the requested resource`. */
export function unknownPath(): StatusError {
  return failure(404, 'NotFound', 'the server could not find the requested resource', {});
}

export function alreadyExists(subject: StatusSubject, name: string): StatusError {
  const message = `${qualifiedResource(subject)} ${JSON.stringify(name)} already exists`;
  return failure(409, 'AlreadyExists', message, detailsOf(subject, name));
}

export function conflict(subject: StatusSubject, name: string, cause?: string): StatusError {
  const why = cause ?? 'the object has been modified; please apply your changes to the latest version and try again';
  const message = `Operation cannot be fulfilled on ${qualifiedResource(subject)} ${JSON.stringify(name)}: ${why}`;
  return failure(409, 'Conflict', message, detailsOf(subject, name));
}

export function invalid(subject: StatusSubject, name: string, errors: readonly FieldError[]): StatusError {
  const kind = subject.kind ?? subject.resource;
  const texts = errors.map(formatFieldError);
  const list = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  const qualified = subject.group === '' ? kind : `${kind}.${subject.group}`;
  return failure(422, 'Invalid', `${qualified} ${JSON.stringify(name)} is invalid: ${list}`, {
    ...(name !== '' && { name }),
    ...(subject.group !== '' && { group: subject.group }),
    kind,
    causes: errors.map((error) => ({
      reason: fieldErrorReasons[error.type],
      message: fieldErrorBody(error),
      field: error.field,
    })),
  });
}

export function badRequest(message: string): StatusError {
  return failure(400, 'BadRequest', message);
}

export function unauthorized(message = 'Unauthorized'): StatusError {
  return failure(401, 'Unauthorized', message);
}

export function forbidden(subject: StatusSubject, name: string, why: string): StatusError {
  const quoted = name === '' ? '' : ` ${JSON.stringify(name)}`;
  const message = `${qualifiedResource(subject)}${quoted} is forbidden: ${why}`;
  return failure(403, 'Forbidden', message, detailsOf(subject, name));
}

export function methodNotSupported(subject: StatusSubject, verb: string): StatusError {
  const message = `${verb} is not supported on resources of kind ${JSON.stringify(qualifiedResource(subject))}`;
  return failure(405, 'MethodNotAllowed', message, detailsOf(subject, ''));
}

export function notAcceptable(accepted: readonly string[]): StatusError {
  return failure(406, 'NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`);
}

/** The watched or listed revision is no longer kept: list again. */
export function expired(message: string): StatusError {
  return failure(410, 'Expired', message);
}

export function tooLarge(message: string): StatusError {
  return failure(413, 'RequestEntityTooLarge', message);
}

export function unsupportedMediaType(accepted: readonly string[]): StatusError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`;
  return failure(415, 'UnsupportedMediaType', message);
}

export function internalError(message: string, options?: ErrorOptions): StatusError {
  const text = `Internal error occurred: ${message}`;
  return failure(500, 'InternalError', text, { causes: [{ message }] }, options);
}

export function serviceUnavailable(message: string): StatusError {
  return failure(503, 'ServiceUnavailable', message);
}

export function isStatusReason(error: unknown, reason: string): error is StatusError {
  return error instanceof StatusError && error.status.reason === reason;
}

export function isNotFound(error: unknown): error is StatusError {
  return isStatusReason(error, 'NotFound');
}

export function isConflict(error: unknown): error is StatusError {
  return isStatusReason(error, 'Conflict');
}

export function isAlreadyExists(error: unknown): error is StatusError {
  return isStatusReason(error, 'AlreadyExists');
}

/** 410 in either of its two reasons. */
export function isExpired(error: unknown): error is StatusError {
  return error instanceof StatusError && error.status.code === 410;
}

/** Does this decoded JSON look like a Status? For clients reading an answer. */
export function isStatus(value: unknown): value is Status {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'Status' && 'status' in value;
}
