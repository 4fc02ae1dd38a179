/** The name under which a request's changes are recorded. Pure. Source: k8s.io/apiserver handlers managerOrUserAgent. */
const maxNameBytes = 128;

/** What the client says, else the first part of its user agent: `kubectl/v1.32 (linux/amd64)` is `kubectl`. */
export function managerName(fieldManager: string | undefined, userAgent: string | undefined): string {
  if (fieldManager !== undefined && fieldManager !== '') {
    return fieldManager;
  }
  const prefix = (userAgent ?? '').split('/', 1)[0] ?? '';
  let name = '';
  for (const character of prefix) {
    if (name.length + character.length > maxNameBytes) {
      break;
    }
    name += isPrintable(character) ? character : '';
  }
  return name === '' ? 'unknown' : name;
}

/** undefined: the name may be used. */
export function managerNameProblem(fieldManager: string): { type: 'TooLong' | 'Invalid'; detail: string } | undefined {
  if (Buffer.byteLength(fieldManager) > maxNameBytes) {
    return { type: 'TooLong', detail: `may not be more than ${maxNameBytes} bytes` };
  }
  return Array.from(fieldManager).every(isPrintable)
    ? undefined
    : { type: 'Invalid', detail: 'should only contain printable characters' };
}

function isPrintable(character: string): boolean {
  return /^(?:[\p{L}\p{M}\p{N}\p{P}\p{S}]| )$/u.test(character);
}
