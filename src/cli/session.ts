/** How a command reaches the API: which kubeconfig, which namespace. */
import { accessSync, constants, existsSync } from 'node:fs';
import { VmletError } from '../base/errors.ts';
import { connectKubeconfig, type ApiConnection } from '../client/https-client.ts';
import { stateDirectory } from '../base/directories.ts';
import type { Invocation } from './command.ts';

export interface ApiSession extends ApiConnection {
  readonly namespace: string;
}

export async function openSession(invocation: Invocation): Promise<ApiSession> {
  const { options } = invocation;
  const file = kubeconfigFile(text(options['kubeconfig']));
  const connection = await connectKubeconfig({ file, context: text(options['context']), signal: invocation.io.signal });
  return { ...connection, namespace: text(options['namespace']) ?? connection.defaultNamespace };
}

function text(value: string | boolean | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/**
 * An explicit file, $KUBECONFIG, then what `vmlet up` wrote on this host, then kubectl's own default. Of several files in
 * $KUBECONFIG the first that exists counts: they are not merged.
 */
export function kubeconfigFile(explicit: string | undefined): string {
  if (explicit !== undefined) {
    return explicit;
  }
  const named = (process.env['KUBECONFIG'] ?? '').split(':').filter((file) => file !== '');
  const chosen = named.find((file) => existsSync(file)) ?? named[0];
  if (chosen !== undefined) {
    return chosen;
  }
  const ours = `${stateDirectory()}/kubeconfig`;
  const home = `${process.env['HOME'] ?? ''}/.kube/config`;
  for (const candidate of [ours, home]) {
    try {
      accessSync(candidate, constants.R_OK);
      return candidate;
    } catch {
      continue;
    }
  }
  if (process.getuid?.() !== 0) {
    throw new VmletError(
      'NotRoot',
      'no kubeconfig can be read: run it as root (sudo vmlet ...), or name one with --kubeconfig',
    );
  }
  throw new VmletError(
    'NoKubeconfig',
    `no kubeconfig found (looked at ${ours} and ${home}): start vmlet with \`vmlet up\``,
  );
}
