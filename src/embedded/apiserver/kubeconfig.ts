/** A kubeconfig file for the embedded server. */
import { randomBytes } from 'node:crypto';
import { closeSync, fchmodSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export interface KubeconfigFields {
  /** `https://127.0.0.1:6443`. */
  readonly server: string;
  /** PEM texts. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly name?: string;
}

/** Mode 0600, replaced atomically. JSON is YAML, so no YAML library is needed to write it. */
export function writeKubeconfig(path: string, fields: KubeconfigFields): void {
  const { name = 'vmlet' } = fields;
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server: fields.server, 'certificate-authority-data': base64(fields.ca) } }],
    users: [
      {
        name: `${name}-admin`,
        user: { 'client-certificate-data': base64(fields.cert), 'client-key-data': base64(fields.key) },
      },
    ],
    contexts: [{ name, context: { cluster: name, user: `${name}-admin`, namespace: 'default' } }],
    'current-context': name,
  };
  writePrivateFile(path, `${JSON.stringify(config, undefined, 2)}\n`);
}

/** Readers see the old content or the new, never a part; the file is never readable by others. */
export function writePrivateFile(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  const descriptor = openSync(temporary, 'wx', 0o600);
  try {
    try {
      fchmodSync(descriptor, 0o600);
      writeSync(descriptor, content);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
