import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Route } from '../../linux/rtnetlink/routes/types.ts';
import { findRoute } from './place-view.ts';

function route(destination: string, linkIndex: number, more: Partial<Route> = {}): Route {
  return {
    family: destination.includes(':') ? 'ip6' : 'ip',
    destination,
    linkIndex,
    table: 254,
    scope: 'global',
    protocol: 4,
    type: 'unicast',
    onlink: false,
    unknown: [],
    ...more,
  };
}

test('the longest prefix wins, then the lowest priority; default routes lead nowhere', () => {
  const routes = [
    route('default', 1),
    route('0.0.0.0/0', 1),
    route('10.0.0.0/8', 2),
    route('10.1.0.0/16', 3, { priority: 20 }),
    route('10.1.0.0/16', 4, { priority: 10 }),
    route('10.1.0.128/25', 5),
    route('10.1.0.0/24', 6, { type: 'blackhole' }),
    route('fd76::/64', 7),
    route('::/0', 8),
  ];
  const found = (address: string): number | undefined => findRoute(routes, address)?.linkIndex;
  assert.deepEqual(['10.1.0.2', '10.1.0.200', '10.9.9.9', '192.0.2.1', 'fd76::2', 'fd77::1'].map(found), [
    4,
    5,
    2,
    undefined,
    7,
    undefined,
  ]);
});
