/** Device rules of a sandbox's cgroup, in words. Pure. */
import { deviceNumbersOfEveryContainer } from '../machine/sandbox-limits.ts';

/** Numbers of Documentation/admin-guide/devices.txt. */
const names: Readonly<Record<string, string>> = {
  'c 1:3': '/dev/null',
  'c 1:5': '/dev/zero',
  'c 1:7': '/dev/full',
  'c 1:8': '/dev/random',
  'c 1:9': '/dev/urandom',
  'c 5:0': '/dev/tty',
  'c 5:1': '/dev/console',
  'c 5:2': '/dev/ptmx',
  'c 136:*': 'terminals in /dev/pts',
  'c 10:200': '/dev/net/tun',
  'c 10:232': '/dev/kvm',
  'c 10:238': '/dev/vhost-net',
};

const always = new Set(deviceNumbersOfEveryContainer);

export interface JudgedRule {
  readonly rule: string;
  readonly meaning: string;
  readonly isExpected: boolean;
}

/** `wanted`: the numbers that the Pod asked for. */
export function judgeDeviceRule(rule: string, wanted: readonly string[]): JudgedRule {
  const [type = '', number = '', access = ''] = rule.split(' ');
  const key = `${type} ${number}`;
  if (number === '*:*' && access === 'm' && type !== 'a') {
    return { rule, meaning: 'device files may be made, not opened', isExpected: true };
  }
  const meaning = type === 'a' || number === '*:*' ? 'every device: nothing is refused' : (names[key] ?? 'unknown');
  return { rule, meaning, isExpected: always.has(key) || wanted.includes(key) };
}

/** Those of `wanted` that no rule lets be read and written. */
export function missingDevices(rules: readonly string[], wanted: readonly string[]): JudgedRule[] {
  return wanted
    .filter((key) => !rules.some((rule) => rule.startsWith(`${key} `) && /r.*w/.test(rule.slice(key.length))))
    .map((rule) => ({ rule, meaning: names[rule] ?? 'unknown', isExpected: false }));
}
