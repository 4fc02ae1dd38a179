import { secretType } from '../../apimachinery/core.ts';
import { isNotFound } from '../../apimachinery/status.ts';
import type { KubeClient } from '../../client/client.ts';

export interface PullSecretsResult {
  /** One `.dockerconfigjson` document with the logins of all secrets; undefined when there are none. */
  readonly credentials: string | undefined;
  /** What is wrong with which secret, for events. Pulling goes on without it, as the kubelet does. */
  readonly problems: readonly string[];
}

const dockerConfigType = 'kubernetes.io/dockerconfigjson';
const dockerConfigKey = '.dockerconfigjson';

/** Reads the named secrets of a namespace. Earlier names win where two know the same registry. */
export async function readPullSecrets(
  client: KubeClient,
  namespace: string,
  names: readonly string[],
): Promise<PullSecretsResult> {
  const auths: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const name of [...names].reverse()) {
    try {
      const secret = await client.get(secretType, { namespace, name });
      const encoded = secret.data?.[dockerConfigKey];
      if (secret.type !== dockerConfigType || encoded === undefined) {
        problems.push(`image pull secret ${namespace}/${name} is not of type ${dockerConfigType}`);
        continue;
      }
      Object.assign(auths, parseAuths(Buffer.from(encoded, 'base64').toString('utf8')));
    } catch (error) {
      if (error instanceof SyntaxError) {
        problems.push(`image pull secret ${namespace}/${name} holds no valid ${dockerConfigKey}`);
      } else if (isNotFound(error)) {
        problems.push(
          `image pull secret ${namespace}/${name} does not exist; create it or remove it from imagePullSecrets`,
        );
      } else {
        throw error;
      }
    }
  }
  return { credentials: Object.keys(auths).length === 0 ? undefined : JSON.stringify({ auths }), problems };
}

/** Only `auths` is taken: a `credHelpers` entry would run programs. Throws SyntaxError. */
function parseAuths(text: string): Record<string, unknown> {
  const document = JSON.parse(text) as { auths?: unknown } | null;
  const auths = document?.auths;
  if (typeof auths !== 'object' || auths === null || Array.isArray(auths)) {
    throw new SyntaxError('no auths');
  }
  return auths as Record<string, unknown>;
}
