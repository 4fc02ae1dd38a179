/** OpenAPI formats that are checked. Unknown ones pass, as apiextensions has it. */
import { isIP, isIPv4, isIPv6 } from 'node:net';

const dateTime =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[Tt](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d{1,9})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
const date = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/;
const duration = /^[+-]?(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+)$/;
const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const mac = /^[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}$/i;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const hostname =
  /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;

const stringFormats: Readonly<Record<string, (value: string) => boolean>> = {
  'date-time': (value) => dateTime.test(value),
  datetime: (value) => dateTime.test(value),
  date: (value) => date.test(value),
  duration: (value) => duration.test(value),
  uuid: (value) => uuid.test(value),
  mac: (value) => mac.test(value),
  byte: (value) => base64.test(value),
  hostname: (value) => hostname.test(value),
  ipv4: (value) => isIPv4(value),
  ipv6: (value) => isIPv6(value),
  cidr: isCidr,
  uri: (value) => URL.canParse(value),
};

export function matchesStringFormat(format: string, value: string): boolean {
  return !Object.hasOwn(stringFormats, format) || (stringFormats[format]?.(value) ?? true);
}

/** int32 by range; int64 by what a JSON number holds exactly is not knowable any more here, so any integer passes. */
export function matchesNumberFormat(format: string, value: number): boolean {
  return format !== 'int32' || (value >= -(2 ** 31) && value < 2 ** 31);
}

function isCidr(value: string): boolean {
  const slash = value.lastIndexOf('/');
  const family = slash === -1 ? 0 : isIP(value.slice(0, slash));
  const bits = value.slice(slash + 1);
  return family !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}
