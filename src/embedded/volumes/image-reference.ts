/** Image references: what a manifest names, checked, and how it is asked for from skopeo. Pure. */
import { VmletError } from '../../base/errors.ts';

export type ImageReference =
  | {
      readonly kind: 'registry';
      /** As the manifest has it. */
      readonly text: string;
      /** `host[:port]`; docker.io when the reference names none. */
      readonly registry: string;
      /** Reference without tag and digest. */
      readonly repository: string;
      readonly tag: string | undefined;
      /** `sha256:<hex>` when pinned. */
      readonly digest: string | undefined;
    }
  | {
      readonly kind: 'local';
      readonly text: string;
      readonly transport: LocalTransport;
      /** Absolute, without `..`; whether it is under an allowed directory is checked when it is opened. */
      readonly path: string;
    };

type LocalTransport = 'docker-archive' | 'oci-archive' | 'oci' | 'dir';

export type PullPolicy = 'Always' | 'IfNotPresent' | 'Never';

const localPattern = /^(docker-archive|oci-archive|oci|dir):(\/[^:@,\s]{1,1024})(:[\w][\w.:/-]{0,200})?$/u;
const registryPattern =
  /^(?<repository>[a-zA-Z0-9][a-zA-Z0-9.-]*(?::\d{1,5})?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*|\[[0-9a-fA-F:]+\](?::\d{1,5})?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+)(?::(?<tag>\w[\w.-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$/u;
const lengthLimit = 1024;

/** Throws VmletError `InvalidImageName`. */
export function parseImageReference(text: string): ImageReference {
  const local = text.length <= lengthLimit ? localPattern.exec(text) : null;
  if (local !== null && local[2] !== undefined) {
    if (local[2].split('/').includes('..')) {
      throw invalidName(text);
    }
    return { kind: 'local', text, transport: local[1] as LocalTransport, path: local[2] };
  }
  const groups = text.length <= lengthLimit ? registryPattern.exec(text)?.groups : undefined;
  const repository = groups?.['repository'];
  if (groups === undefined || repository === undefined) {
    throw invalidName(text);
  }
  const first = repository.split('/')[0] ?? '';
  const named = repository.includes('/') && (first.includes('.') || first.includes(':') || first === 'localhost');
  return {
    kind: 'registry',
    text,
    registry: named ? first : 'docker.io',
    repository,
    tag: groups['tag'],
    digest: groups['digest'],
  };
}

/** Kubernetes' rule: Always for `:latest` or no tag (and no digest), IfNotPresent otherwise. */
export function effectivePullPolicy(reference: ImageReference, policy: PullPolicy | undefined): PullPolicy {
  if (policy !== undefined) {
    return policy;
  }
  if (reference.kind === 'local' || reference.digest !== undefined) {
    return 'IfNotPresent';
  }
  return reference.tag === undefined || reference.tag === 'latest' ? 'Always' : 'IfNotPresent';
}

/** skopeo's name of the source; with `digest`, of exactly that manifest. Never starts with a dash. */
export function skopeoSource(reference: ImageReference, digest?: string): string {
  if (reference.kind === 'local') {
    return reference.text;
  }
  const pinned = digest ?? reference.digest;
  const suffix = pinned === undefined ? `:${reference.tag ?? 'latest'}` : `@${pinned}`;
  return `docker://${reference.repository}${suffix}`;
}

/** A registry on this host itself may be spoken to without TLS. */
export function isLoopbackRegistry(registry: string): boolean {
  const host = registry.replace(/:\d+$/u, '');
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/u.test(host);
}

function invalidName(text: string): VmletError {
  return new VmletError(
    'InvalidImageName',
    `${JSON.stringify(text.slice(0, 200))} is no image reference: write registry/name:tag, registry/name@sha256:..., ` +
      'or docker-archive:, oci-archive:, oci: or dir: with an absolute path',
  );
}
