import { UsageError } from '../../options.ts';

export interface ForwardedPort {
  /** 0: any that is free. */
  readonly local: number;
  readonly remote: number;
}

const portsMax = 32;

/** `[LOCAL:]REMOTE`, several with commas. Throws UsageError. */
export function parsePorts(text: string): ForwardedPort[] {
  const parts = text.split(',');
  if (parts.length > portsMax) {
    throw new UsageError(`at most ${portsMax} ports at once`);
  }
  return parts.map((part) => {
    const [, local, remote] = /^(?:(\d{1,5}):)?(\d{1,5})$/u.exec(part.trim()) ?? [];
    const port = { local: Number(local ?? remote ?? -1), remote: Number(remote ?? 0) };
    if (port.local < 0 || port.local > 65_535 || port.remote < 1 || port.remote > 65_535) {
      throw new UsageError(`"${part}" is no pair of ports: write [LOCAL:]REMOTE, for example 8080:80`);
    }
    return port;
  });
}
