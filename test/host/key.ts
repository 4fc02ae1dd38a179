/** Names of what is cached: an image by what it is made of, a saved state by the image and the machine that it was saved from. */
import { createHash } from 'node:crypto';

const keyCharacters = 16;

function hash(parts: readonly string[]): string {
  // Lengths keep ['ab', 'c'] and ['a', 'bc'] apart.
  const text = parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join('\n');
  return createHash('sha256').update(text).digest('hex').slice(0, keyCharacters);
}

export interface ImageInputs {
  /** Package name to candidate version; QEMU, which runs outside too, is one of them. */
  readonly packages: Readonly<Record<string, string>>;
  readonly suite: string;
  /** `process.version` of the Node.js that is copied in. */
  readonly nodeVersion: string;
  /** Contents of the files that say how the image is made. */
  readonly recipe: readonly string[];
}

export function imageKey({ packages, suite, nodeVersion, recipe }: ImageInputs): string {
  const versions = Object.entries(packages)
    .map(([name, version]) => `${name}=${version}`)
    .toSorted();
  return hash([suite, nodeVersion, ...versions, ...recipe]);
}

/** `machineArguments` without the paths of one run. */
export function stateKey(image: string, machineArguments: readonly string[]): string {
  return hash([image, ...machineArguments]);
}

/** Candidate versions out of `apt-cache policy NAME...`; a package that has none is left out. */
export function parseCandidates(policy: string): Readonly<Record<string, string>> {
  const versions: Record<string, string> = {};
  let name = '';
  for (const line of policy.split('\n')) {
    const header = /^([a-z0-9][a-z0-9+.-]*):$/.exec(line);
    const candidate = /^ {2}Candidate: (\S+)$/.exec(line);
    if (header?.[1] !== undefined) {
      name = header[1];
    } else if (candidate?.[1] !== undefined && candidate[1] !== '(none)') {
      versions[name] = candidate[1];
    }
  }
  return versions;
}

/**
 * The archive that Debian itself comes from here, out of `apt-get indextargets` with the format of `indexTargetFormat`.
 * Undefined when the sources name none.
 */
export function findMirror(indexTargets: string): string | undefined {
  for (const line of indexTargets.split('\n')) {
    const [label, uri] = line.split('|');
    if (label === 'Debian' && uri !== undefined && uri !== '') {
      return uri;
    }
  }
  return undefined;
}

export const indexTargetFormat = '$(LABEL)|$(REPO_URI)';
