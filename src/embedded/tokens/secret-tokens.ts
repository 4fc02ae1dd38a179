/**
 * Secrets of type kubernetes.io/service-account-token: the token is put in, and the Secret goes with its account. Source:
 * pkg/controller/serviceaccount/tokens_controller.go of Kubernetes.
 */
import { secretType } from '../../apimachinery/core.ts';
import type { Secret } from '../../apimachinery/core.ts';
import { isNotFound } from '../../apimachinery/status.ts';
import type { KubeClient } from '../../client/client.ts';
import type { ApiContext } from '../apiserver/context.ts';
import { parseStored } from '../apiserver/object-view.ts';
import { storagePrefix } from '../apiserver/resource.ts';
import { startStoreController } from '../apiserver/store-controller.ts';
import type { StoreController } from '../apiserver/store-controller.ts';
import { changeStored } from '../apiserver/stored-change.ts';
import type { AccountTokens } from './account-tokens.ts';
import { accountNameAnnotation, accountTokenType } from './secret-type.ts';

const uidAnnotation = 'kubernetes.io/service-account.uid';

const secrets = storagePrefix('', 'secrets');
const accounts = storagePrefix('', 'serviceaccounts');

export function startSecretTokens(
  context: ApiContext,
  client: KubeClient,
  options: { readonly tokens: AccountTokens; readonly caPem: string | undefined },
): StoreController {
  const { store, registry } = context;
  /** Keys of such Secrets: the others are not looked at again when an account changes. */
  const held = new Set<string>();

  return startStoreController(context, {
    name: 'service-account-secrets',
    prefixes: [accounts, secrets],
    keysOf({ type, key, value }) {
      if (key.startsWith(secrets)) {
        const relevant = (parseStored(value) as Secret).type === accountTokenType;
        if (!relevant || type === 'delete') {
          held.delete(key);
          return [];
        }
        held.add(key);
        return [key];
      }
      const namespace = key.slice(accounts.length).split('/')[0] ?? '';
      return [...held].filter((secret) => secret.startsWith(`${secrets}${namespace}/`));
    },
    async reconcile(key) {
      const definition = registry.findDefinition('', 'secrets');
      const entry = store.latest(key);
      if (entry === undefined || definition === undefined) {
        return;
      }
      const wanted = fill(parseStored(entry.value));
      if (wanted === 'remove') {
        const { namespace, name } = parseStored(entry.value).metadata;
        await client.delete(secretType, { namespace, name }).catch(ignoreMissing);
      } else if (wanted !== undefined) {
        await changeStored(context, definition, key, (object) => {
          Object.assign((object as Secret).metadata, { annotations: wanted.metadata.annotations });
          Object.assign(object, { data: wanted.data });
        });
      }
    },
  });

  function fill(secret: Secret): Secret | 'remove' | undefined {
    const { name, namespace = '', uid = '', annotations = {} } = secret.metadata;
    const account = store.latest(`${accounts}${namespace}/${annotations[accountNameAnnotation] ?? ''}`);
    const found = account && parseStored(account.value).metadata;
    const wantedUid = annotations[uidAnnotation] ?? found?.uid;
    if (found === undefined || found.uid !== wantedUid) {
      return 'remove';
    }
    const { data = {} } = secret;
    const complete =
      data['token'] !== undefined && data['namespace'] !== undefined && annotations[uidAnnotation] !== undefined;
    if (complete && (data['ca.crt'] !== undefined || options.caPem === undefined)) {
      return undefined;
    }
    const { token } = options.tokens.issue(
      {
        namespace,
        account: { name: found.name, uid: found.uid ?? '' },
        bound: { kind: 'secret', object: { name, uid } },
        audiences: [options.tokens.issuer],
      },
      undefined,
    );
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    return {
      ...secret,
      metadata: { ...secret.metadata, annotations: { ...annotations, [uidAnnotation]: found.uid ?? '' } },
      data: {
        ...data,
        token: data['token'] ?? base64(token),
        namespace: base64(namespace),
        ...(options.caPem !== undefined && { 'ca.crt': base64(options.caPem) }),
      },
    };
  }
}

function ignoreMissing(error: unknown): void {
  if (!isNotFound(error)) {
    throw error;
  }
}
