/** Reads seccomp profiles in OCI form. Pure. */
import { DecodeError } from '../../base/errors.ts';
import { actionValues } from './profile.ts';
import type { OciAction, OciArgument, OciOperator, OciSyscallRule, SeccompProfile } from './types.ts';

const OPERATORS: ReadonlySet<string> = new Set<OciOperator>([
  'SCMP_CMP_NE',
  'SCMP_CMP_LT',
  'SCMP_CMP_LE',
  'SCMP_CMP_EQ',
  'SCMP_CMP_GE',
  'SCMP_CMP_GT',
  'SCMP_CMP_MASKED_EQ',
]);
const ERRNO_MAX = 4095;

/** Reads a profile from parsed JSON of a file or an annotation. Throws DecodeError naming the member. */
export function parseProfile(value: unknown): SeccompProfile {
  const root = object(value, 'profile');
  return {
    defaultAction: action(root['defaultAction'], 'defaultAction'),
    ...optional('defaultErrnoRet', root['defaultErrnoRet'], (member) => errno(member, 'defaultErrnoRet')),
    ...optional('architectures', root['architectures'], (member) => texts(member, 'architectures')),
    ...optional('flags', root['flags'], (member) => texts(member, 'flags')),
    ...optional('syscalls', root['syscalls'], (member) =>
      array(member, 'syscalls', 4096).map((rule, index) => parseRule(rule, `syscalls[${index}]`)),
    ),
  };
}

function parseRule(value: unknown, path: string): OciSyscallRule {
  const rule = object(value, path);
  return {
    names: texts(rule['names'], `${path}.names`),
    action: action(rule['action'], `${path}.action`),
    ...optional('errnoRet', rule['errnoRet'], (member) => errno(member, `${path}.errnoRet`)),
    ...optional('args', rule['args'], (member) =>
      array(member, `${path}.args`, 64).map((arg, index) => parseArgument(arg, `${path}.args[${index}]`)),
    ),
  };
}

function parseArgument(value: unknown, path: string): OciArgument {
  const arg = object(value, path);
  const op = arg['op'];
  if (typeof op !== 'string' || !OPERATORS.has(op)) {
    throw new DecodeError(`${path}.op is ${JSON.stringify(op)}, not an SCMP_CMP_* operator`);
  }
  return {
    index: integer(arg['index'], `${path}.index`, 5),
    value: integer(arg['value'], `${path}.value`, Number.MAX_SAFE_INTEGER),
    ...optional('valueTwo', arg['valueTwo'], (member) => integer(member, `${path}.valueTwo`, Number.MAX_SAFE_INTEGER)),
    op: op as OciOperator,
  };
}

function object(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new DecodeError(`${path} is not an object`);
  }
  return value as Readonly<Record<string, unknown>>;
}

function array(value: unknown, path: string, lengthMax: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length > lengthMax) {
    throw new DecodeError(`${path} is not a list of at most ${lengthMax} members`);
  }
  return value;
}

function texts(value: unknown, path: string): string[] {
  return array(value, path, 1024).map((member) => {
    if (typeof member !== 'string' || member.length > 64) {
      throw new DecodeError(`${path} has a member that is not a short text`);
    }
    return member;
  });
}

function integer(value: unknown, path: string, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max) {
    throw new DecodeError(`${path} is ${JSON.stringify(value)?.slice(0, 64)}, not an integer from 0 to ${max}`);
  }
  return value;
}

function errno(value: unknown, path: string): number {
  return integer(value, path, ERRNO_MAX);
}

function action(value: unknown, path: string): OciAction {
  if (typeof value !== 'string' || !Object.hasOwn(actionValues, value)) {
    throw new DecodeError(`${path} is ${JSON.stringify(value)?.slice(0, 64)}, not an SCMP_ACT_* action`);
  }
  return value as OciAction;
}

/** A member that is there only when it was given. */
function optional<K extends string, T>(key: K, value: unknown, read: (value: unknown) => T): { readonly [P in K]?: T } {
  return value === undefined || value === null ? {} : ({ [key]: read(value) } as { readonly [P in K]?: T });
}
