/** One refused field of an object. Source: k8s.io/apimachinery/pkg/util/validation/field; reasons verbatim. */

export const fieldErrorReasons = {
  Required: 'FieldValueRequired',
  Invalid: 'FieldValueInvalid',
  NotSupported: 'FieldValueNotSupported',
  Forbidden: 'FieldValueForbidden',
  Duplicate: 'FieldValueDuplicate',
  NotFound: 'FieldValueNotFound',
  TooLong: 'FieldValueTooLong',
  TooMany: 'FieldValueTooMany',
  TypeInvalid: 'FieldValueTypeInvalid',
  InternalError: 'InternalError',
} as const;

export type FieldErrorType = keyof typeof fieldErrorReasons;

export interface FieldError {
  readonly type: FieldErrorType;
  /** Path from the root of the object: `spec.domain.devices.disks[0].name`. */
  readonly field: string;
  readonly detail: string;
  /** The refused value; shown for Invalid, NotSupported, Duplicate, NotFound and TypeInvalid. */
  readonly badValue?: unknown;
}

const titles: Record<FieldErrorType, string> = {
  Required: 'Required value',
  Invalid: 'Invalid value',
  NotSupported: 'Unsupported value',
  Forbidden: 'Forbidden',
  Duplicate: 'Duplicate value',
  NotFound: 'Not found',
  TooLong: 'Too long',
  TooMany: 'Too many',
  TypeInvalid: 'Invalid value',
  InternalError: 'Internal error',
};

const valueHidden: ReadonlySet<FieldErrorType> = new Set<FieldErrorType>([
  'Required',
  'Forbidden',
  'TooLong',
  'InternalError',
]);
const maxShownValue = 200;

/** `Invalid value: "x": must be ...`, without the field, as Status causes carry it. */
export function fieldErrorBody(error: FieldError): string {
  const parts = [titles[error.type]];
  if (!valueHidden.has(error.type) && error.badValue !== undefined) {
    const shown = JSON.stringify(error.badValue);
    parts.push(shown.length > maxShownValue ? `${shown.slice(0, maxShownValue)}...` : shown);
  }
  if (error.detail !== '') {
    parts.push(error.detail);
  }
  return parts.join(': ');
}

/** `spec.x: Invalid value: "x": must be ...`. */
export function formatFieldError(error: FieldError): string {
  return `${error.field}: ${fieldErrorBody(error)}`;
}

export function requiredField(field: string, detail = ''): FieldError {
  return { type: 'Required', field, detail };
}

export function invalidField(field: string, badValue: unknown, detail: string): FieldError {
  return { type: 'Invalid', field, badValue, detail };
}

export function forbiddenField(field: string, detail: string): FieldError {
  return { type: 'Forbidden', field, detail };
}

export function notSupportedField(field: string, badValue: unknown, supported: readonly string[]): FieldError {
  const detail = `supported values: ${supported.map((value) => JSON.stringify(value)).join(', ')}`;
  return { type: 'NotSupported', field, badValue, detail };
}
