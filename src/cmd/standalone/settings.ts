/** One standalone instance: where it keeps things and how its parts on the host are named. */
import { runDirectory, stateDirectory } from '../../base/directories.ts';
import type { LogLevel } from '../../base/logger.ts';
import { UsageError } from '../../cli/options.ts';

export interface StandaloneSettings {
  readonly stateDir: string;
  readonly runDir: string;
  readonly port: number;
  readonly bridge: string;
  /** undefined: one that no route of the host uses. */
  readonly podCidr: string | undefined;
  readonly podCidrV6: string;
  readonly emulation: 'auto' | 'always' | 'never';
  readonly localImagesDir: string;
  readonly insecureRegistries: readonly string[];
  /** How often each running VM is compared with its plan without any sign of a change. */
  readonly driftResyncMs: number;
  /** Further users: lines `token,user,uid,"groups"`. */
  readonly tokenAuthFile: string | undefined;
  /** Keys that seal Secrets in the store. */
  readonly encryptionKeyFile: string;
  readonly logLevel: LogLevel;
}

export const pidFileName = 'vmlet.pid';
export const logFileName = 'vmlet.log';

export function standaloneSettings(options: Readonly<Record<string, unknown>>): StandaloneSettings {
  const port = Number(options['port']);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new UsageError(`--port takes a number from 1 to 65535, not "${String(options['port'])}"`);
  }
  const bridge = String(options['bridge']);
  if (!/^[a-z][a-z0-9-]{0,14}$/.test(bridge)) {
    throw new UsageError(`--bridge takes a link name of at most 15 characters, not "${bridge}"`);
  }
  const stateDir = absolute(options['stateDir'], '--state-dir') ?? stateDirectory();
  return {
    stateDir,
    runDir: absolute(options['runDir'], '--run-dir') ?? runDirectory(),
    port,
    bridge,
    podCidr: text(options['podCidr']),
    podCidrV6: String(options['podCidrV6']),
    emulation: options['emulation'] as StandaloneSettings['emulation'],
    localImagesDir: absolute(options['localImages'], '--local-images') ?? `${stateDir}/local-images`,
    insecureRegistries: Array.isArray(options['insecureRegistry']) ? options['insecureRegistry'].map(String) : [],
    tokenAuthFile: absolute(options['tokenAuthFile'], '--token-auth-file'),
    driftResyncMs: secondsToMs(options['driftResync'], '--drift-resync'),
    encryptionKeyFile: absolute(options['encryptionKey'], '--encryption-key') ?? `${stateDir}/pki/encryption.key`,
    logLevel: options['logLevel'] as LogLevel,
  };
}

const resyncSecondsMax = 24 * 3600;

function secondsToMs(value: unknown, flag: string): number {
  const seconds = Number(value);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > resyncSecondsMax) {
    throw new UsageError(`${flag} takes whole seconds from 1 to ${resyncSecondsMax}, not "${String(value)}"`);
  }
  return seconds * 1000;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function absolute(value: unknown, flag: string): string | undefined {
  const path = text(value);
  if (path !== undefined && !path.startsWith('/')) {
    throw new UsageError(`${flag} takes an absolute path, not "${path}"`);
  }
  return path;
}
