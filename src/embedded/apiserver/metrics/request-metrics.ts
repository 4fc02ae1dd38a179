/** Requests counted and timed, by kube-apiserver's names. Labels take only values that the server itself knows. */
import type { AuthorizationAttributes } from '../types.ts';
import type { Registry } from '../registry.ts';
import { createHistogram } from './exposition.ts';
import type { Histogram, MetricFamily } from './exposition.ts';

export interface RequestMetrics {
  /** A request was identified; gives what its end is told to. */
  begin(attributes: AuthorizationAttributes, version: string): (code: number) => void;
  families(): readonly MetricFamily[];
}

/** kube-apiserver's buckets, in seconds. */
const durationBounds = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];
/** Beyond, series go on together under resource "other": kinds come and go with their definitions. */
const maxSeries = 2000;

const verbs: Readonly<Record<string, string>> = {
  get: 'GET',
  list: 'LIST',
  watch: 'WATCH',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETECOLLECTION',
};

interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly byCode: Map<number, number>;
  readonly seconds: Histogram;
  running: number;
}

export function createRequestMetrics(registry: Registry, delegatedGroups: readonly string[]): RequestMetrics {
  const series = new Map<string, Series>();

  function seriesOf(attributes: AuthorizationAttributes, version: string): Series {
    const { group, resource, subresource, name, namespace } = attributes;
    const known =
      resource !== '' &&
      (registry.find(group, version, resource) !== undefined || delegatedGroups.includes(group)) &&
      /^[a-z\d./-]{0,63}$/u.test(resource + subresource + version);
    const verb = verbs[attributes.verb] ?? 'other';
    const scope = name !== '' ? 'resource' : namespace !== '' ? 'namespace' : 'cluster';
    const key = known ? `${verb} ${group} ${version} ${resource} ${subresource} ${scope}` : `${verb} -`;
    const found = series.get(key);
    if (found !== undefined) {
      return found;
    }
    const full = series.size >= maxSeries;
    const labels =
      known && !full
        ? { verb, group, version, resource, subresource, scope, component: 'apiserver' }
        : {
            verb,
            group: '',
            version: '',
            resource: full ? 'other' : '',
            subresource: '',
            scope: '',
            component: 'apiserver',
          };
    const storeAs = full ? `${verb} other` : key;
    const made = series.get(storeAs) ?? {
      labels,
      byCode: new Map(),
      seconds: createHistogram(durationBounds),
      running: 0,
    };
    series.set(storeAs, made);
    return made;
  }

  return {
    begin(attributes, version) {
      const counted = seriesOf(attributes, version);
      const startMs = performance.now();
      counted.running += 1;
      return (code) => {
        counted.running -= 1;
        counted.byCode.set(code, (counted.byCode.get(code) ?? 0) + 1);
        counted.seconds.observe((performance.now() - startMs) / 1000);
      };
    },
    families() {
      const all = [...series.values()];
      const isWatch = ({ labels }: Series): boolean => labels['verb'] === 'WATCH';
      const inFlight = (wanted: readonly string[]): number =>
        all
          .filter(({ labels }) => wanted.includes(labels['verb'] ?? ''))
          .reduce((total, { running }) => total + running, 0);
      return [
        {
          name: 'apiserver_request_total',
          help: 'Requests answered.',
          type: 'counter',
          samples: all.flatMap(({ labels, byCode }) =>
            [...byCode].map(([code, value]) => ({ labels: { ...labels, code: String(code) }, value })),
          ),
        },
        {
          name: 'apiserver_request_duration_seconds',
          help: 'Time from a request to the end of its answer.',
          type: 'histogram',
          samples: all.filter((item) => !isWatch(item)).flatMap(({ labels, seconds }) => seconds.samples(labels)),
        },
        {
          name: 'apiserver_longrunning_requests',
          help: 'Watches that are open.',
          type: 'gauge',
          samples: all.filter(isWatch).map(({ labels, running }) => ({ labels, value: running })),
        },
        {
          name: 'apiserver_current_inflight_requests',
          help: 'Requests being worked on, waiting ones included.',
          type: 'gauge',
          samples: [
            { labels: { request_kind: 'readOnly' }, value: inFlight(['GET', 'LIST']) },
            {
              labels: { request_kind: 'mutating' },
              value: inFlight(['POST', 'PUT', 'PATCH', 'DELETE', 'DELETECOLLECTION']),
            },
          ],
        },
      ];
    },
  };
}
