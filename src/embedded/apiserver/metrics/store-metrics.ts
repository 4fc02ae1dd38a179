/** The store: where it is, how large, how long its commits take; objects by kind. */
import type { ApiContext } from '../context.ts';
import type { MetricFamily } from './exposition.ts';
import { single } from './process-metrics.ts';

export function storeMetrics({ store, registry }: ApiContext): readonly MetricFamily[] {
  const { sizeBytes, watchers, commits, failedCommits, commitSeconds } = store.statistics();
  return [
    single('vmlet_store_revision', 'gauge', 'Newest revision.', store.revision),
    single(
      'vmlet_store_compacted_revision',
      'gauge',
      'Newest revision that watches cannot resume from any more.',
      store.compactedRevision,
    ),
    single('apiserver_storage_size_bytes', 'gauge', 'Size of the store file.', sizeBytes),
    single('vmlet_store_watchers', 'gauge', 'Watches on the store, those of the server itself included.', watchers),
    single('vmlet_store_commits_total', 'counter', 'Commits, each made durable.', commits),
    single('vmlet_store_failed_commits_total', 'counter', 'Commits that failed, with all their writes.', failedCommits),
    single('vmlet_store_commit_seconds_total', 'counter', 'Time spent in commits.', commitSeconds),
    {
      name: 'apiserver_resource_objects',
      help: 'Stored objects.',
      type: 'gauge',
      samples: registry
        .definitions()
        .filter(({ strategy }) => strategy.virtual !== true)
        .map(({ group, resource, storagePrefix }) => ({
          labels: { group, resource },
          value: store.count(storagePrefix),
        })),
    },
  ];
}
