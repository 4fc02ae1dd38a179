/** A ServiceAccount `default` in each namespace. Source: pkg/controller/serviceaccount/serviceaccounts_controller.go. */
import { isAlreadyExists, isNotFound, isStatusReason } from '../../apimachinery/status.ts';
import type { KubeObject, ResourceType } from '../../apimachinery/object.ts';
import type { KubeClient } from '../../client/client.ts';
import type { ApiContext } from '../apiserver/context.ts';
import { parseStored } from '../apiserver/object-view.ts';
import { storagePrefix } from '../apiserver/resource.ts';
import { startStoreController } from '../apiserver/store-controller.ts';
import type { StoreController } from '../apiserver/store-controller.ts';

export const serviceAccountType: ResourceType = {
  group: '',
  version: 'v1',
  resource: 'serviceaccounts',
  kind: 'ServiceAccount',
  namespaced: true,
};

const name = 'default';
const namespaces = storagePrefix('', 'namespaces');
const accounts = storagePrefix('', 'serviceaccounts');

export function startDefaultAccounts(context: ApiContext, client: KubeClient): StoreController {
  return startStoreController(context, {
    name: 'default-service-account',
    prefixes: [namespaces, accounts],
    keysOf({ type, key }) {
      if (key.startsWith(namespaces)) {
        return type === 'create' ? [key.slice(namespaces.length)] : [];
      }
      const [namespace = '', account] = key.slice(accounts.length).split('/');
      return type === 'delete' && account === name ? [namespace] : [];
    },
    async reconcile(namespace) {
      const entry = context.store.latest(`${namespaces}${namespace}`);
      if (entry === undefined || parseStored(entry.value).metadata.deletionTimestamp !== undefined) {
        return;
      }
      if (context.store.latest(`${accounts}${namespace}/${name}`) !== undefined) {
        return;
      }
      const account: KubeObject = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } };
      try {
        await client.create(serviceAccountType, account);
      } catch (error) {
        // Somebody was faster, or the namespace is on its way out.
        if (!isAlreadyExists(error) && !isNotFound(error) && !isStatusReason(error, 'Forbidden')) {
          throw error;
        }
      }
    },
  });
}
