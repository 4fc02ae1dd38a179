/**
 * Reading a kubeconfig: server, trust and identity of one context. Source: client-go's clientcmd/api/v1. What would run a
 * program, and what would act as somebody else than asked when left out, is refused by name.
 */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { VmletError, errorCode } from '../base/errors.ts';

export interface ApiEndpoint {
  /** `https://127.0.0.1:7443`, without a slash at the end. */
  readonly server: string;
  /** PEM; undefined trusts the system's authorities. */
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
  readonly token: string | undefined;
  readonly insecure: boolean;
  readonly serverName: string | undefined;
  readonly defaultNamespace: string;
}

const unsupportedInUser = ['exec', 'auth-provider', 'username', 'as', 'as-uid', 'as-groups', 'as-user-extra'] as const;

type Fields = Readonly<Record<string, unknown>>;

export async function loadKubeconfig(options: { file: string; context?: string | undefined }): Promise<ApiEndpoint> {
  const { file } = options;
  const config = fields(await parseFile(file), file);
  const contextName = options.context ?? text(config['current-context']);
  if (contextName === undefined || contextName === '') {
    throw new VmletError('BadKubeconfig', `${file} names no current context: choose one with --context`);
  }
  const context = entry(config, 'contexts', 'context', contextName, file);
  const cluster = entry(config, 'clusters', 'cluster', text(context['cluster']), file);
  const userName = text(context['user']);
  const user = userName === undefined || userName === '' ? {} : entry(config, 'users', 'user', userName, file);
  const unsupported = unsupportedInUser.find((name) => user[name] !== undefined);
  if (unsupported !== undefined) {
    throw new VmletError(
      'BadKubeconfig',
      `${file}: "${unsupported}" of a user is not supported; use a client certificate or a token`,
    );
  }
  if (cluster['proxy-url'] !== undefined) {
    throw new VmletError('BadKubeconfig', `${file}: "proxy-url" of a cluster is not supported`);
  }
  const server = text(cluster['server']);
  if (server === undefined || !server.startsWith('https://')) {
    throw new VmletError('BadKubeconfig', `${file}: the cluster's server must be an https:// URL`);
  }
  const namespace = text(context['namespace']);
  return {
    server: server.replace(/\/+$/, ''),
    ca: await material(cluster, 'certificate-authority', file),
    cert: await material(user, 'client-certificate', file),
    key: await material(user, 'client-key', file),
    token: await tokenOf(user, file),
    insecure: cluster['insecure-skip-tls-verify'] === true,
    serverName: text(cluster['tls-server-name']),
    defaultNamespace: namespace === undefined || namespace === '' ? 'default' : namespace,
  };
}

async function parseFile(file: string): Promise<unknown> {
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    const hint = errorCode(error) === 'EACCES' ? ': run as root (sudo), or name another with --kubeconfig' : '';
    throw new VmletError('NoKubeconfig', `kubeconfig ${file} cannot be read (${errorCode(error)})${hint}`, {
      cause: error,
    });
  }
  try {
    // What vmlet writes is JSON, which needs no YAML library.
    return content.trimStart().startsWith('{') ? JSON.parse(content) : (await import('yaml')).parse(content);
  } catch (error) {
    throw new VmletError('BadKubeconfig', `${file} is neither YAML nor JSON`, { cause: error });
  }
}

function entry(config: Fields, list: string, member: string, name: string | undefined, file: string): Fields {
  const entries = config[list];
  const found = Array.isArray(entries)
    ? entries.map((item) => fields(item, file)).find((item) => item['name'] === name)
    : undefined;
  if (found === undefined) {
    throw new VmletError('BadKubeconfig', `${file} has no "${name ?? ''}" under ${list}`);
  }
  return fields(found[member], file);
}

/** `<name>-data` in base64, or the file `<name>`, relative to the kubeconfig. */
async function material(owner: Fields, name: string, file: string): Promise<Buffer | undefined> {
  const data = text(owner[`${name}-data`]);
  if (data !== undefined && data !== '') {
    return Buffer.from(data, 'base64');
  }
  const path = text(owner[name]);
  return path === undefined || path === '' ? undefined : readNamed(path, name, file);
}

/** `tokenFile` wins over `token`, as in client-go. */
async function tokenOf(user: Fields, file: string): Promise<string | undefined> {
  const path = text(user['tokenFile']);
  if (path !== undefined && path !== '') {
    return (await readNamed(path, 'tokenFile', file)).toString('utf8').trim();
  }
  const token = text(user['token']);
  return token === '' ? undefined : token;
}

async function readNamed(path: string, field: string, file: string): Promise<Buffer> {
  const resolved = resolve(dirname(file), path);
  try {
    return await readFile(resolved);
  } catch (error) {
    throw new VmletError('BadKubeconfig', `${file}: ${field} ${resolved} cannot be read (${errorCode(error)})`, {
      cause: error,
    });
  }
}

function fields(value: unknown, file: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new VmletError('BadKubeconfig', `${file} does not have the form of a kubeconfig`);
  }
  return value as Fields;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
