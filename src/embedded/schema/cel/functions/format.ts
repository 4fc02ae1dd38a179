/** `format.dns1123Label().validate(x)`. Source: k8s.io/apiserver/pkg/cel/library format.go; texts of its validation package. */
import { celList } from '@bufbuild/cel';
import type { CelMap } from '@bufbuild/cel';
import { listOf, optionalOf, simple } from '../types.ts';
import { textOf, unwrap, wrap } from './function.ts';
import type { OwnFunction } from './function.ts';
import { makeOptional } from './optional.ts';

interface Format {
  readonly maxLength: number;
  readonly pattern: RegExp;
  readonly text: string;
}

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const label1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const qualified = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const labelText =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
const subdomainText =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
const label1035Text =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";

const exactly = (source: string): RegExp => new RegExp(`^(?:${source})$`, 'u');
const formats: Readonly<Record<string, Format>> = {
  dns1123Label: { maxLength: 63, pattern: exactly(label), text: labelText },
  dns1123LabelPrefix: { maxLength: 63, pattern: exactly(`${label}-?`), text: labelText },
  dns1123Subdomain: { maxLength: 253, pattern: exactly(`${label}(\\.${label})*`), text: subdomainText },
  dns1123SubdomainPrefix: { maxLength: 253, pattern: exactly(`${label}(\\.${label})*-?`), text: subdomainText },
  dns1035Label: { maxLength: 63, pattern: exactly(label1035), text: label1035Text },
  dns1035LabelPrefix: { maxLength: 63, pattern: exactly(`${label1035}-?`), text: label1035Text },
  labelValue: {
    maxLength: 63,
    pattern: exactly(`(${qualified})?`),
    text: "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  },
  qualifiedName: {
    maxLength: 317,
    pattern: exactly(`([a-z0-9][-a-z0-9.]{0,252}/)?${qualified}`),
    text: "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  },
  uri: { maxLength: 8192, pattern: exactly('(?:[A-Za-z][A-Za-z0-9+.-]*:\\S+|/\\S*)'), text: 'invalid URI for request' },
  uuid: {
    maxLength: 36,
    pattern: exactly('[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}'),
    text: 'does not match the UUID format',
  },
  byte: {
    maxLength: 1_048_576,
    pattern: exactly('(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?'),
    text: 'invalid base64',
  },
  date: { maxLength: 10, pattern: exactly('\\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\\d|3[01])'), text: 'invalid date' },
  datetime: {
    maxLength: 64,
    pattern: exactly('\\d{4}-\\d\\d-\\d\\d[Tt]\\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?(?:[Zz]|[+-]\\d\\d:\\d\\d)'),
    text: 'invalid datetime',
  },
};

const { string, format } = simple;

const make = (name: string, found: Format): CelMap => wrap('format', found, name);

export const formatFunctions: readonly OwnFunction[] = [
  {
    name: 'format.named',
    args: [string],
    result: optionalOf(format),
    call(name) {
      const found = Object.hasOwn(formats, textOf(name)) ? formats[textOf(name)] : undefined;
      return makeOptional(found && make(textOf(name), found));
    },
  },
  ...Object.entries(formats).map(([name, found]): OwnFunction => ({
    name: `format.${name}`,
    args: [],
    result: format,
    call: () => make(name, found),
  })),
  {
    name: 'validate',
    target: format,
    args: [string],
    result: optionalOf(listOf(string)),
    call: (self, value) => validate(unwrap<Format>(self, 'format'), textOf(value)),
  },
];

function validate({ maxLength, pattern, text }: Format, value: string): CelMap {
  if (value.length > maxLength) {
    return problem(`must be no more than ${maxLength} bytes`);
  }
  return pattern.test(value) ? makeOptional(undefined) : problem(text);
}

function problem(text: string): CelMap {
  return makeOptional(celList([text]));
}
