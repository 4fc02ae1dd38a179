import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice, Service } from './kinds.ts';
import { createPortCache } from './port-cache.ts';

function service(name: string, clusterIP: string): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'ns' },
    spec: { clusterIP, ports: [{ port: 80 }] },
  };
}

function slice(...addresses: string[]): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 's', namespace: 'ns' },
    addressType: 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address] })),
    ports: [{ name: '', port: 8080 }],
  };
}

test('only what changed is made anew, and what is as it was is the same object', () => {
  const services = new Map<string, Service>();
  const slices = new Map<string, EndpointSlice[]>();
  let asked: string[] = [];
  const cache = createPortCache({
    service: (key) => {
      asked.push(key);
      return services.get(key);
    },
    slices: (key) => slices.get(key) ?? [],
  });
  const put = (name: string, ip: string | undefined, ...addresses: string[]): void => {
    if (ip === undefined) {
      services.delete(`ns/${name}`);
    } else {
      services.set(`ns/${name}`, service(name, ip));
    }
    slices.set(`ns/${name}`, [slice(...addresses)]);
    cache.changed(`ns/${name}`);
  };
  assert.deepEqual(cache.ports(), []);
  put('b', '10.96.0.2', '10.1.0.2');
  put('a', '10.96.0.1', '10.1.0.3');
  const first = cache.ports();
  assert.deepEqual(
    first.map(({ name, backends }) => [name, backends[0]?.address]),
    [
      ['ns/a:80', '10.1.0.3'],
      ['ns/b:80', '10.1.0.2'],
    ],
  );
  assert.equal(cache.ports(), first);
  put('a', '10.96.0.1', '10.1.0.3');
  assert.equal(cache.ports(), first, 'another object of the same content');
  asked = [];
  put('b', '10.96.0.2', '10.1.0.9');
  const second = cache.ports();
  assert.deepEqual(asked, ['ns/b']);
  assert.equal(second[0], first[0]);
  assert.equal(second[1]?.backends[0]?.address, '10.1.0.9');

  // Of two with one address the first has it, and the other when that goes.
  put('c', '10.96.0.1', '10.1.0.7');
  assert.deepEqual(
    cache.ports().map(({ name }) => name),
    ['ns/a:80', 'ns/b:80'],
  );
  put('a', undefined);
  assert.deepEqual(
    cache.ports().map(({ name }) => name),
    ['ns/b:80', 'ns/c:80'],
  );
});
