/** The webhooks of all stored configurations, made ready for matching; kept up to date by the store's events. */
import { errorMessage } from '../../../base/errors.ts';
import type { StoreEvent } from '../../store/store.ts';
import { parseStored } from '../object-view.ts';
import { storagePrefix } from '../resource.ts';
import { createCaller } from './call.ts';
import type { HttpsCaller, ResolveService } from './call.ts';
import { createExpression } from './expressions.ts';
import { readSelectors } from './match.ts';
import type { Selectors } from './match.ts';
import type { WebhookContext } from './subject.ts';
import { admissionRegistrationGroup } from './types.ts';
import type { Webhook, WebhookConfiguration } from './types.ts';

type Condition = ReturnType<typeof createExpression>;

export interface ReadyWebhook {
  readonly webhook: Webhook;
  readonly selectors: Selectors;
  readonly conditions: readonly { readonly name: string; readonly holds: Condition }[];
  readonly caller: HttpsCaller;
}

export interface KnownWebhooks {
  /** In order of the configurations' names, then as listed. */
  readonly all: readonly ReadyWebhook[];
  close(): void;
}

export type WebhookKind = 'mutatingwebhookconfigurations' | 'validatingwebhookconfigurations';

export function watchWebhooks(
  context: WebhookContext,
  kind: WebhookKind,
  resolveService: ResolveService,
): KnownWebhooks {
  const prefix = storagePrefix(admissionRegistrationGroup, kind);
  const byName = new Map<string, readonly ReadyWebhook[]>();
  let all: readonly ReadyWebhook[] = [];

  function set(name: string, webhooks: readonly ReadyWebhook[]): void {
    for (const { caller } of byName.get(name) ?? []) {
      caller.close();
    }
    byName.delete(name);
    if (webhooks.length > 0) {
      byName.set(name, webhooks);
    }
    all = [...byName.entries()].sort(([left], [right]) => (left < right ? -1 : 1)).flatMap(([, list]) => list);
  }

  function read(bytes: Buffer): void {
    const configuration = parseStored(bytes) as WebhookConfiguration;
    const { name } = configuration.metadata;
    try {
      set(name, (configuration.webhooks ?? []).map(makeReady));
    } catch (error) {
      context.logger.error({ configuration: name, error: errorMessage(error) }, 'webhook configuration cannot be used');
    }
  }

  function makeReady(webhook: Webhook): ReadyWebhook {
    return {
      webhook,
      selectors: readSelectors(webhook),
      conditions: (webhook.matchConditions ?? []).map(({ name, expression }) => ({
        name,
        holds: createExpression(expression),
      })),
      caller: createCaller(webhook.clientConfig, resolveService),
    };
  }

  const watch = context.store.watch({
    prefix,
    afterRevision: context.store.revision,
    onEvent(event: StoreEvent) {
      if (event.type === 'delete') {
        set(parseStored(event.value).metadata.name, []);
      } else {
        read(event.value);
      }
    },
  });
  for (const entry of context.store.range({ prefix }).entries) {
    read(entry.value);
  }
  return {
    get all() {
      return all;
    },
    close() {
      watch.close();
      for (const name of byName.keys()) {
        set(name, []);
      }
    },
  };
}
