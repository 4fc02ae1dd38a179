import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { openFds } from '../fd/fd.ts';
import { addAddress } from './addresses/addresses.ts';
import { createBridge, createVeth, getLink } from './links/links.ts';
import { assignNamespaceId, findNamespaceId, listNamespaceIds } from './namespace-ids/namespace-ids.ts';
import { addNeighbour, deleteNeighbour, listNeighbours, replaceNeighbour } from './neighbours/neighbours.ts';
import { addRoute, deleteRoute, listRoutes, replaceRoute } from './routes/routes.ts';
import type { RouteSpec } from './routes/types.ts';
import { addRule, deleteRule, listRules } from './rules/rules.ts';
import type { RuleSpec } from './rules/types.ts';
import { createTestNamespace, type TestNamespace } from './namespace.test-helper.ts';

const isRoot = process.getuid?.() === 0;

describe('routing on the kernel', { skip: isRoot ? false : 'needs root' }, () => {
  let netns: TestNamespace;
  let link: number;

  before(() => {
    netns = createTestNamespace();
    link = createBridge(netns.socket, { name: 'br0', up: true }).index;
    // A port, so that the bridge has a carrier.
    createVeth(netns.socket, { name: 'p0', master: link, up: true, peer: { name: 'p1' } });
    addAddress(netns.socket, { linkIndex: link, address: '10.0.0.1/24' });
    addAddress(netns.socket, { linkIndex: link, address: 'fd00::1/64', noDad: true });
  });

  after(() => {
    netns[Symbol.dispose]();
    assert.deepEqual(openFds(), []);
  });

  test('multipath routes of both families', () => {
    const { socket } = netns;
    const routes: RouteSpec[] = [
      {
        destination: '198.51.100.0/24',
        nextHops: [
          { gateway: '10.0.0.2', linkIndex: link, weight: 3 },
          { gateway: '10.0.0.3', linkIndex: link, onlink: true },
        ],
      },
      {
        destination: '2001:db8::/32',
        nextHops: [
          { gateway: 'fd00::2', linkIndex: link, weight: 256 },
          { gateway: 'fd00::3', linkIndex: link },
        ],
      },
    ];
    for (const route of routes) {
      addRoute(socket, route);
      const found = listRoutes(socket).find(({ destination }) => destination === route.destination);
      assert.deepEqual(
        found?.nextHops,
        route.nextHops?.map((hop) => ({ weight: 1, onlink: false, ...hop })),
      );
      assert.equal(found?.gateway, undefined);
    }
    const [seen] = netns.ip('route', 'show', '198.51.100.0/24');
    assert.deepEqual(
      ((seen?.['nexthops'] ?? []) as { gateway: string; weight: number }[]).map(({ gateway, weight }) => [
        gateway,
        weight,
      ]),
      [
        ['10.0.0.2', 3],
        ['10.0.0.3', 1],
      ],
    );
    for (const route of routes) {
      deleteRoute(socket, route);
    }
    assert.equal(listRoutes(socket).filter(({ nextHops }) => nextHops !== undefined).length, 0);
  });

  test('metrics, tables, types and a gateway of the other family', () => {
    const { socket } = netns;
    const metrics = { mtu: 1300, advmss: 1260, hopLimit: 33, initialCongestionWindow: 20, window: 65_535 };
    addRoute(socket, { destination: '203.0.113.0/24', gateway: '10.0.0.2', linkIndex: link, table: 1000, metrics });
    addRoute(socket, { destination: '203.0.114.0/24', gateway: 'fd00::2', linkIndex: link });
    for (const [index, type] of (['blackhole', 'unreachable', 'prohibit', 'throw'] as const).entries()) {
      addRoute(socket, { destination: `192.0.${index}.0/24`, type, table: 1001 });
      addRoute(socket, { destination: `2001:db8:${index}::/48`, type, table: 1001 });
    }
    assert.deepEqual(listRoutes(socket, { table: 1000 })[0]?.metrics, metrics);
    const [seen] = netns.ip('route', 'show', 'table', '1000');
    assert.deepEqual(seen?.['metrics'], [{ mtu: 1300, advmss: 1260, hoplimit: 33, initcwnd: 20, window: 65_535 }]);
    assert.equal(listRoutes(socket).find(({ destination }) => destination === '203.0.114.0/24')?.gateway, 'fd00::2');
    assert.deepEqual(netns.ip('route', 'show', '203.0.114.0/24')[0]?.['via'], { family: 'inet6', host: 'fd00::2' });
    const types = listRoutes(socket, { table: 1001 }).map(({ family, type }) => `${family} ${type}`);
    assert.deepEqual(types.sort(), [
      'ip blackhole',
      'ip prohibit',
      'ip throw',
      'ip unreachable',
      'ip6 blackhole',
      'ip6 prohibit',
      'ip6 throw',
      'ip6 unreachable',
    ]);
    assert.equal(netns.ip('route', 'show', 'table', '1001').length, 4);
    replaceRoute(socket, { destination: '192.0.0.0/24', type: 'unreachable', table: 1001 });
    assert.equal(
      listRoutes(socket, { table: 1001 }).find(({ destination }) => destination === '192.0.0.0/24')?.type,
      'unreachable',
    );
  });

  test('rules', () => {
    const { socket } = netns;
    const rules: RuleSpec[] = [
      {
        family: 'ip',
        priority: 100,
        source: '10.1.0.0/16',
        destination: '10.2.0.0/16',
        mark: 0x10,
        markMask: 0xff,
        inputInterface: 'br0',
        table: 1000,
      },
      { family: 'ip', priority: 101, ipProtocol: 17, destinationPorts: { first: 53, last: 54 }, table: 100 },
      { family: 'ip', priority: 102, userIds: { first: 100, last: 200 }, suppressPrefixLength: 0 },
      { family: 'ip', priority: 103, target: 32766 },
      { family: 'ip6', priority: 104, invert: true, source: 'fd00::/8', action: 'prohibit' },
      { family: 'ip6', priority: 105, outputInterface: 'br0', action: 'unreachable' },
    ];
    for (const rule of rules) {
      addRule(socket, rule);
      const found = listRules(socket, { family: rule.family }).find(({ priority }) => priority === rule.priority);
      const given = Object.keys(rule) as (keyof RuleSpec)[];
      assert.deepEqual(Object.fromEntries(given.map((key) => [key, found?.[key]])), rule);
    }
    assert.throws(() => addRule(socket, rules[0] ?? { family: 'ip' }), { code: 'EEXIST' });
    const seen = netns.ip('rule', 'show');
    assert.deepEqual(
      listRules(socket, { family: 'ip' }).map(({ priority }) => priority),
      seen.map((rule) => rule['priority']),
    );
    const first = seen.find((rule) => rule['priority'] === 100);
    assert.deepEqual(
      [first?.['src'], first?.['fwmark'], first?.['fwmask'], first?.['iif']],
      ['10.1.0.0', '0x10', '0xff', 'br0'],
    );
    assert.equal(seen.find((rule) => rule['priority'] === 103)?.['goto'], 32766);
    for (const rule of rules) {
      deleteRule(socket, rule);
    }
    assert.throws(() => deleteRule(socket, { family: 'ip', priority: 100 }), { code: 'ENOENT' });
    assert.equal(listRules(socket, { family: 'ip' }).length, 3);
  });

  test('neighbours and proxy entries', () => {
    const { socket } = netns;
    const find = (address: string, proxy = false) =>
      listNeighbours(socket, { proxy }).find((entry) => entry.address === address);
    addNeighbour(socket, { linkIndex: link, address: '10.0.0.9', macAddress: '02:00:00:00:00:09', protocol: 4 });
    assert.throws(
      () => addNeighbour(socket, { linkIndex: link, address: '10.0.0.9', macAddress: '02:00:00:00:00:09' }),
      { code: 'EEXIST' },
    );
    assert.equal(find('10.0.0.9')?.macAddress, '02:00:00:00:00:09');
    assert.equal(find('10.0.0.9')?.protocol, 4);
    replaceNeighbour(socket, { linkIndex: link, address: '10.0.0.9', macAddress: '02:00:00:00:00:0a', state: 'stale' });
    const [seen] = netns.ip('neigh', 'show', '10.0.0.9');
    assert.equal(seen?.['lladdr'], '02:00:00:00:00:0a');
    assert.deepEqual(seen['state'], ['STALE']);
    addNeighbour(socket, { linkIndex: link, address: 'fd00::9', proxy: true });
    assert.equal(find('fd00::9', true)?.linkIndex, link);
    assert.equal(find('fd00::9'), undefined);
    assert.equal(netns.ip('neigh', 'show', 'proxy')[0]?.['dst'], 'fd00::9');
    deleteNeighbour(socket, { linkIndex: link, address: '10.0.0.9' });
    deleteNeighbour(socket, { linkIndex: link, address: 'fd00::9', proxy: true });
    assert.equal(find('10.0.0.9'), undefined);
    assert.equal(find('fd00::9', true), undefined);
  });

  test('namespace ids', () => {
    using other = createTestNamespace();
    assert.equal(findNamespaceId(netns.socket, { netns: other.fd }), undefined);
    assignNamespaceId(netns.socket, { netns: other.fd }, 77);
    assert.equal(findNamespaceId(netns.socket, { netns: other.fd }), 77);
    assert.throws(() => assignNamespaceId(netns.socket, { netns: other.fd }), { code: 'EEXIST' });
    assert.ok(listNamespaceIds(netns.socket).some(({ id }) => id === 77));
    const seen = JSON.parse(
      execFileSync('ip', ['-n', netns.name, '-j', 'netns', 'list-id'], { encoding: 'utf8', timeout: 10_000 }),
    ) as { nsid: number; name?: string }[];
    assert.equal(seen.find(({ nsid }) => nsid === 77)?.name, other.name);
    createVeth(netns.socket, { name: 'here', peer: { name: 'there', netns: other.fd } });
    assert.equal(getLink(netns.socket, { name: 'here' }).linkNetnsId, 77);
    const { linkNetnsId } = getLink(other.socket, { name: 'there' });
    assert.equal(typeof linkNetnsId, 'number');
    assert.equal(findNamespaceId(other.socket, { netns: netns.fd }), linkNetnsId);
    assert.equal(findNamespaceId(netns.socket, { pid: process.pid }), undefined);
  });
});
