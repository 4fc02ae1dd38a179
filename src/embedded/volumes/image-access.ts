/** By what right an image is read: credentials, TLS, and which paths may be named. */
import { randomUUID } from 'node:crypto';
import { realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VmletError } from '../../base/errors.ts';
import { isLoopbackRegistry } from './image-reference.ts';
import type { ImageReference } from './image-reference.ts';

const credentialsLimitBytes = 1 << 20;

/** Arguments about trust and credentials; without credentials nothing of the operator's own logins is used. */
export function accessArguments(
  reference: ImageReference,
  insecureRegistries: readonly string[],
  credentialsFile: string | undefined,
): { readonly inspect: string[]; readonly copy: string[] } {
  if (reference.kind === 'local') {
    return { inspect: [], copy: [] };
  }
  const insecure = isLoopbackRegistry(reference.registry) || insecureRegistries.includes(reference.registry);
  return {
    inspect: [
      ...(credentialsFile === undefined ? ['--no-creds'] : ['--authfile', credentialsFile]),
      ...(insecure ? ['--tls-verify=false'] : []),
    ],
    copy: [
      ...(credentialsFile === undefined ? ['--src-no-creds'] : ['--src-authfile', credentialsFile]),
      ...(insecure ? ['--src-tls-verify=false'] : []),
    ],
  };
}

/** Gives `body` a credential file for the time of its run. */
export async function withCredentials<T>(
  runDir: string,
  credentials: string | undefined,
  body: (file: string | undefined) => Promise<T>,
): Promise<T> {
  if (credentials === undefined) {
    return body(undefined);
  }
  if (Buffer.byteLength(credentials) > credentialsLimitBytes) {
    throw new VmletError('ErrImagePull', 'the image pull secret is larger than 1 MiB');
  }
  const file = join(runDir, `auth-${randomUUID()}.json`);
  try {
    await writeFile(file, credentials, { mode: 0o600, flag: 'wx' });
    return await body(file);
  } finally {
    await rm(file, { force: true });
  }
}

/** Throws unless the path lies, links resolved, below a directory that the operator has named. */
export async function checkLocal(
  reference: ImageReference & { kind: 'local' },
  allowedDirs: readonly string[],
): Promise<void> {
  if (allowedDirs.length === 0) {
    throw new VmletError(
      'ErrImagePull',
      `image ${reference.text}: images by path are switched off; name a directory for them in the settings (local image directory)`,
    );
  }
  let real: string;
  try {
    real = await realpath(reference.path);
  } catch (error) {
    throw new VmletError('ErrImagePull', `image ${reference.text}: ${reference.path} is not there`, { cause: error });
  }
  const allowed = await Promise.all(allowedDirs.map((dir) => realpath(dir).catch(() => undefined)));
  if (!allowed.some((dir) => dir !== undefined && real.startsWith(`${dir}/`))) {
    throw new VmletError(
      'ErrImagePull',
      `image ${reference.text}: only images below ${allowedDirs.join(', ')} may be named by path`,
    );
  }
}
