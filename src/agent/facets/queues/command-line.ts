/** Bounds on what a process says of itself. */
const argumentsMax = 4096;
const netdevBytesMax = 4096;

/**
 * Which back end was started with which descriptor, from QEMU's arguments: `-netdev` with JSON as newer libvirt writes
 * it (`{"type":"tap","fd":"20","id":"hostua-default"}`) or with key=value words (`tap,fds=20:21,id=hostua-default`).
 * The process may have changed them: a hint, to be checked against the descriptors. Pure.
 */
export function parseNetdevs(commandLine: readonly string[]): ReadonlyMap<number, string> {
  const netdevs = new Map<number, string>();
  commandLine.slice(0, argumentsMax).forEach((word, index) => {
    if (commandLine[index - 1] !== '-netdev' || word.length > netdevBytesMax) {
      return;
    }
    const values = word.startsWith('{') ? parseJson(word) : parseWords(word);
    const id = values.get('id');
    const descriptors = values.get('fds') ?? values.get('fd');
    if (values.get('type') === 'tap' && id !== undefined && descriptors !== undefined) {
      for (const descriptor of descriptors.split(':').filter((part) => /^\d{1,7}$/.test(part))) {
        netdevs.set(Number(descriptor), id);
      }
    }
  });
  return netdevs;
}

function parseJson(word: string): ReadonlyMap<string, string> {
  try {
    const value: unknown = JSON.parse(word);
    return new Map(
      Object.entries(value as object).flatMap(([key, entry]: [string, unknown]) =>
        typeof entry === 'string' ? [[key, entry] as const] : [],
      ),
    );
  } catch {
    return new Map();
  }
}

function parseWords(word: string): ReadonlyMap<string, string> {
  const [type = '', ...pairs] = word.split(',');
  return new Map([
    ['type', type],
    ...pairs.map((pair): [string, string] => {
      const at = pair.indexOf('=');
      return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
    }),
  ]);
}
