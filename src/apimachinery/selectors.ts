/**
 * Label and field selectors, in text and as metav1.LabelSelector. Source: k8s.io/apimachinery/pkg/labels and /fields.
 * A parsed selector is data; `matchesLabels` and `matchesFields` interpret it.
 */
import { DecodeError } from '../base/errors.ts';

export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'GreaterThan' | 'LessThan';
  readonly values: readonly string[];
}

export interface FieldRequirement {
  readonly field: string;
  readonly equal: boolean;
  readonly value: string;
}

/** metav1.LabelSelector. */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

const maxSelectorLength = 16_384;
const maxKeyPrefix = 253;
const keyPattern = /^(?:([a-z0-9](?:[-a-z0-9.]*[a-z0-9])?)\/)?([A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)$/u;
const valuePattern = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/u;

/** Is this a label (or annotation, finalizer) key: optional DNS prefix, slash, name of up to 63 characters? */
export function isQualifiedName(key: string): boolean {
  const match = keyPattern.exec(key);
  return match !== null && (match[1] ?? '').length <= maxKeyPrefix;
}

export function isLabelValue(value: string): boolean {
  return valuePattern.test(value);
}

/** `a=b,c!=d,e in (f,g),h,!i,j>1`. An empty text matches everything. Throws DecodeError. */
export function parseLabelSelector(text: string): LabelRequirement[] {
  if (text.length > maxSelectorLength) {
    throw new DecodeError(`label selector of ${text.length} characters is too long`);
  }
  return text.trim() === '' ? [] : splitTop(text).map((part) => parseLabelRequirement(part, text));
}

function parseLabelRequirement(part: string, whole: string): LabelRequirement {
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/u.exec(part);
  if (set) {
    const list = (set[3] ?? '').trim();
    if (list === '') {
      throw new DecodeError(
        `unable to parse requirement in ${JSON.stringify(whole)}: for 'in', 'notin' operators, values set can't be empty`,
      );
    }
    const values = list.split(',').map((value) => value.trim());
    return checked({ key: set[1] ?? '', operator: set[2] === 'in' ? 'In' : 'NotIn', values }, whole);
  }
  const compare = /^([^\s=!<>]+)\s*(==|=|!=|>|<)\s*([^\s=!<>]*)$/u.exec(part);
  if (compare) {
    const operators = { '=': 'In', '==': 'In', '!=': 'NotIn', '>': 'GreaterThan', '<': 'LessThan' } as const;
    const operator = operators[(compare[2] ?? '=') as keyof typeof operators];
    return checked({ key: compare[1] ?? '', operator, values: [compare[3] ?? ''] }, whole);
  }
  const absent = part.startsWith('!');
  const key = absent ? part.slice(1).trim() : part;
  return checked({ key, operator: absent ? 'DoesNotExist' : 'Exists', values: [] }, whole);
}

function checked(requirement: LabelRequirement, whole: string): LabelRequirement {
  if (!isQualifiedName(requirement.key)) {
    throw new DecodeError(
      `unable to parse requirement in ${JSON.stringify(whole)}: invalid label key ${JSON.stringify(requirement.key)}`,
    );
  }
  const numeric = requirement.operator === 'GreaterThan' || requirement.operator === 'LessThan';
  for (const value of requirement.values) {
    if (!isLabelValue(value) || (numeric && !/^-?\d{1,15}$/u.test(value))) {
      throw new DecodeError(
        `unable to parse requirement in ${JSON.stringify(whole)}: invalid label value ${JSON.stringify(value)}`,
      );
    }
  }
  return requirement;
}

export function matchesLabels(
  requirements: readonly LabelRequirement[],
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  return requirements.every(({ key, operator, values }) => {
    const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
    switch (operator) {
      case 'In':
        return value !== undefined && values.includes(value);
      case 'NotIn':
        return value === undefined || !values.includes(value);
      case 'Exists':
        return value !== undefined;
      case 'DoesNotExist':
        return value === undefined;
      case 'GreaterThan':
        return value !== undefined && /^-?\d{1,15}$/u.test(value) && Number(value) > Number(values[0]);
      case 'LessThan':
        return value !== undefined && /^-?\d{1,15}$/u.test(value) && Number(value) < Number(values[0]);
    }
  });
}

/** metav1.LabelSelector to requirements. Throws DecodeError for an unknown operator. */
export function labelSelectorRequirements(selector: LabelSelector): LabelRequirement[] {
  const fromLabels = Object.entries(selector.matchLabels ?? {}).map(([key, value]): LabelRequirement => ({
    key,
    operator: 'In',
    values: [value],
  }));
  const fromExpressions = (selector.matchExpressions ?? []).map(({ key, operator, values }): LabelRequirement => {
    if (operator !== 'In' && operator !== 'NotIn' && operator !== 'Exists' && operator !== 'DoesNotExist') {
      throw new DecodeError(`${JSON.stringify(operator)} is not a valid label selector operator`);
    }
    return { key, operator, values: values ?? [] };
  });
  return [...fromLabels, ...fromExpressions];
}

/** Requirements as text that `parseLabelSelector` reads back. */
export function formatLabelSelector(requirements: readonly LabelRequirement[]): string {
  return requirements
    .map(({ key, operator, values }) => {
      switch (operator) {
        case 'In':
          return values.length === 1 ? `${key}=${values[0]}` : `${key} in (${values.join(',')})`;
        case 'NotIn':
          return values.length === 1 ? `${key}!=${values[0]}` : `${key} notin (${values.join(',')})`;
        case 'Exists':
          return key;
        case 'DoesNotExist':
          return `!${key}`;
        case 'GreaterThan':
          return `${key}>${values[0]}`;
        case 'LessThan':
          return `${key}<${values[0]}`;
      }
    })
    .join(',');
}

/** `metadata.name=x,status.phase!=Running`. Backslash escapes `\`, `,` and `=`. Throws DecodeError. */
export function parseFieldSelector(text: string): FieldRequirement[] {
  if (text.length > maxSelectorLength) {
    throw new DecodeError(`field selector of ${text.length} characters is too long`);
  }
  const parts = text.match(/(?:\\.|[^,\\])+/gsu) ?? [];
  return parts.map((part) => {
    const match = /^([A-Za-z0-9_.[\]/-]+)(==|!=|=)((?:\\.|[^\\])*)$/su.exec(part.trim());
    if (match === null) {
      throw new DecodeError(`invalid field selector ${JSON.stringify(part)}; can't understand it`);
    }
    return { field: match[1] ?? '', equal: match[2] !== '!=', value: (match[3] ?? '').replace(/\\(.)/gsu, '$1') };
  });
}

/** `read` gives the object's value for a field; an absent one counts as the empty text, as upstream has it. */
export function matchesFields(requirements: readonly FieldRequirement[], read: (field: string) => string): boolean {
  return requirements.every(({ field, equal, value }) => (read(field) === value) === equal);
}

/** Splits at commas outside parentheses. */
function splitTop(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index <= text.length; index += 1) {
    const character = text[index];
    if (character === '(') {
      depth += 1;
    } else if (character === ')') {
      depth -= 1;
    } else if (character === undefined || (character === ',' && depth === 0)) {
      parts.push(text.slice(start, index).trim());
      start = index + 1;
    }
  }
  return parts;
}
