import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { errorCode } from '../../base/errors.ts';
import { openFds } from '../fd/fd.ts';
import {
  addAlternativeNames,
  createBridge,
  createLink,
  createVeth,
  deleteAlternativeNames,
  deleteLink,
  findLink,
  getLink,
  setLink,
} from './links/links.ts';
import type { LinkChange, LinkSpec } from './links/types.ts';
import { createTestNamespace, type TestNamespace } from './namespace.test-helper.ts';

const isRoot = process.getuid?.() === 0;

interface KindCase {
  /** Fields beside the name and the lower device. */
  readonly spec: Omit<LinkSpec, 'name'>;
  readonly needsLower?: boolean;
  /** What `ip -d -j link` must say in linkinfo.info_data. */
  readonly seen: Record<string, unknown>;
  readonly change?: LinkChange;
  readonly changed?: Record<string, unknown>;
}

const cases: Record<string, KindCase> = {
  dummy: { spec: { kind: 'dummy', mtu: 1400, address: '02:00:00:00:00:11' }, seen: {} },
  bridge: {
    spec: {
      kind: 'bridge',
      bridge: { ageingTimeMs: 60_000, groupForwardMask: 16384 },
    },
    seen: { ageing_time: 6000, group_fwd_mask: '0x4000' },
    change: { bridge: { multicastSnooping: false, priority: 4096 } },
    changed: { mcast_snooping: 0, priority: 4096 },
  },
  'bridge with VLAN filtering': {
    spec: {
      kind: 'bridge',
      bridge: { vlanFiltering: true, vlanDefaultPvid: 0, vlanProtocol: '802.1ad' },
    },
    seen: { vlan_filtering: 1, vlan_default_pvid: 0, vlan_protocol: '802.1ad' },
  },
  vlan: {
    spec: { kind: 'vlan', vlan: { id: 42, protocol: '802.1ad', flags: { looseBinding: true } } },
    needsLower: true,
    seen: { id: 42, protocol: '802.1ad', flags: ['REORDER_HDR', 'LOOSE_BINDING'] },
    change: { vlan: { flags: { reorderHeader: false } } },
    changed: { flags: ['LOOSE_BINDING'] },
  },
  macvlan: {
    spec: { kind: 'macvlan', macvlan: { mode: 'bridge' } },
    needsLower: true,
    seen: { mode: 'bridge' },
    change: { macvlan: { mode: 'private' } },
    changed: { mode: 'private' },
  },
  macvtap: { spec: { kind: 'macvtap', macvtap: { mode: 'vepa' } }, needsLower: true, seen: { mode: 'vepa' } },
  ipvlan: {
    spec: { kind: 'ipvlan', ipvlan: { mode: 'l2', flags: 1 } },
    needsLower: true,
    seen: { mode: 'l2', private: true },
  },
  vxlan: {
    spec: {
      kind: 'vxlan',
      vxlan: { id: 100, port: 4789, remote: '192.0.2.1', local: '192.0.2.2', ttl: 5, learning: false },
    },
    seen: { id: 100, port: 4789, remote: '192.0.2.1', local: '192.0.2.2', ttl: 5, learning: false },
  },
};

describe('link kinds on the kernel', { skip: isRoot ? false : 'needs root' }, () => {
  let netns: TestNamespace;
  let lower: number;

  before(() => {
    netns = createTestNamespace();
    // Lower device of vlan, macvlan, macvtap and ipvlan.
    execFileSync('ip', ['-n', netns.name, 'link', 'add', 'lower', 'type', 'veth', 'peer', 'name', 'lower-peer']);
    lower = getLink(netns.socket, { name: 'lower' }).index;
  });

  after(() => {
    netns[Symbol.dispose]();
    assert.deepEqual(openFds(), []);
  });

  const infoData = (name: string): Record<string, unknown> => {
    const [link] = netns.ip('link', 'show', name);
    const info = link?.['linkinfo'] as { info_data?: Record<string, unknown> } | undefined;
    return info?.info_data ?? {};
  };
  const assertIncludes = (all: Record<string, unknown>, expected: Record<string, unknown>): void => {
    assert.deepEqual(Object.fromEntries(Object.keys(expected).map((key) => [key, all[key]])), expected);
  };

  for (const [title, { spec, needsLower = false, seen, change, changed }] of Object.entries(cases)) {
    test(`${title}: made, seen by ip, read back, changed, deleted`, (t) => {
      const { kind } = spec;
      const name = `t-${kind}`;
      try {
        createLink(netns.socket, { ...spec, name, ...(needsLower ? { link: lower } : {}) });
      } catch (error) {
        if (errorCode(error) === 'ENOTSUP') {
          t.skip(`this kernel has no such ${kind} links`);
          return;
        }
        throw error;
      }
      assertIncludes(infoData(name), seen);
      const link = getLink(netns.socket, { name });
      assert.equal(link.kind, kind);
      const field = kind as keyof LinkSpec & keyof typeof link;
      const given = spec[field as keyof typeof spec] as Record<string, unknown> | undefined;
      if (given !== undefined) {
        const { flags: _flags, ...plain } = given;
        assertIncludes(link[field] as unknown as Record<string, unknown>, plain);
      }
      if (needsLower) {
        assert.equal(link.link, lower);
      }
      if (change !== undefined) {
        setLink(netns.socket, { name }, change);
        assertIncludes(infoData(name), changed ?? {});
      }
      deleteLink(netns.socket, { name });
      assert.equal(findLink(netns.socket, { name }), undefined);
    });
  }

  test('a bond that the administrator made is reported', (t) => {
    try {
      execFileSync(
        'ip',
        ['-n', netns.name, 'link', 'add', 'bond9', 'type', 'bond', 'mode', 'active-backup', 'miimon', '100'],
        { stdio: 'pipe', timeout: 10_000 },
      );
    } catch {
      t.skip('this kernel has no bonding');
      return;
    }
    setLink(netns.socket, { name: 'lower-peer' }, { up: false });
    setLink(netns.socket, { name: 'lower-peer' }, { master: getLink(netns.socket, { name: 'bond9' }).index });
    const { bond } = getLink(netns.socket, { name: 'bond9' });
    assert.equal(bond?.mode, 'active-backup');
    assert.equal(bond.miiIntervalMs, 100);
    assert.equal(getLink(netns.socket, { name: 'lower-peer' }).bondPort?.linkFailures, 0);
    deleteLink(netns.socket, { name: 'bond9' });
  });

  test('attributes of another kind, or of two, are refused before anything is sent', () => {
    assert.throws(() => createLink(netns.socket, { name: 'x', kind: 'dummy', vlan: { id: 1 } }), { code: 'Encode' });
    assert.throws(() => setLink(netns.socket, { name: 'lower' }, { vlan: {}, macvlan: {} }), { code: 'Encode' });
  });

  test('a link goes to the namespace of a process, by its id', async () => {
    using other = createTestNamespace();
    const child = spawn('ip', ['netns', 'exec', other.name, 'sh', '-c', 'echo ready; read line'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    try {
      const ready = Promise.withResolvers<void>();
      child.stdout.once('data', () => ready.resolve());
      child.once('error', ready.reject);
      await ready.promise;
      assert.ok(child.pid !== undefined);
      createVeth(netns.socket, { name: 'moved', peer: { name: 'stays' } });
      setLink(netns.socket, { name: 'moved' }, { netnsPid: child.pid });
      assert.equal(findLink(netns.socket, { name: 'moved' }), undefined);
      assert.equal(getLink(other.socket, { name: 'moved' }).kind, 'veth');
      createLink(netns.socket, { name: 'made-there', kind: 'bridge', netnsPid: child.pid });
      assert.equal(getLink(other.socket, { name: 'made-there' }).kind, 'bridge');
      createLink(netns.socket, {
        name: 'mac0',
        kind: 'macvlan',
        link: lower,
        macvlan: { mode: 'bridge' },
        netns: other.fd,
      });
      assert.equal(getLink(other.socket, { name: 'mac0' }).link, lower);
    } finally {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.stdin.end('\n');
      await gone;
    }
  });

  test('flags, statistics, MTU limits and alternative names', () => {
    const { socket } = netns;
    createVeth(socket, { name: 'v0', peer: { name: 'v1' }, up: true });
    setLink(socket, { name: 'v0' }, { promiscuous: true, arp: false });
    const [seen] = netns.ip('-s', 'link', 'show', 'v0');
    const flags = seen?.['flags'] as string[];
    assert.ok(flags.includes('PROMISC') && flags.includes('NOARP'));
    const link = getLink(socket, { name: 'v0' });
    assert.equal(link.promiscuity, 1);
    assert.equal(link.minimumMtu, seen?.['min_mtu']);
    assert.equal(link.maximumMtu, seen?.['max_mtu']);
    const stats = seen?.['stats64'] as { rx: { over_errors: number; nohandler?: number }; tx: { packets: number } };
    assert.equal(link.statistics?.txPackets, BigInt(stats.tx.packets));
    assert.equal(link.statistics?.rxOverErrors, BigInt(stats.rx.over_errors));

    const long = `altname-${'x'.repeat(40)}`;
    addAlternativeNames(socket, { name: 'v0' }, ['short-alt', long]);
    assert.deepEqual(getLink(socket, { name: long }).alternativeNames, ['short-alt', long]);
    assert.deepEqual(netns.ip('link', 'show', 'v0')[0]?.['altnames'], ['short-alt', long]);
    assert.throws(() => addAlternativeNames(socket, { name: 'v0' }, [long]), { code: 'EEXIST' });
    deleteAlternativeNames(socket, { name: 'v0' }, [long]);
    assert.deepEqual(getLink(socket, { name: 'v0' }).alternativeNames, ['short-alt']);
    assert.equal(findLink(socket, { name: long }), undefined);
    deleteLink(socket, { name: 'v0' });
  });

  test('all flags of a bridge port, as bridge(8) sees them', () => {
    const { socket } = netns;
    const { index } = createBridge(socket, { name: 'brp' });
    createVeth(socket, { name: 'port', master: index, peer: { name: 'port-peer' } });
    const given = {
      learning: false,
      isolated: true,
      hairpin: true,
      unicastFlood: false,
      multicastFlood: false,
      broadcastFlood: false,
      neighbourSuppression: true,
      bpduGuard: true,
      rootBlock: true,
      fastLeave: true,
      proxyArp: true,
      cost: 77,
    };
    setLink(socket, { name: 'port' }, { bridgePort: given });
    const [seen] = netns.bridge('link', 'show', 'dev', 'port');
    const expected = {
      learning: false,
      isolated: true,
      hairpin: true,
      flood: false,
      mcast_flood: false,
      bcast_flood: false,
      neigh_suppress: true,
      guard: true,
      root_block: true,
      fastleave: true,
    };
    assertIncludes(seen ?? {}, expected);
    assertIncludes(getLink(socket, { name: 'port' }).bridgePort as Record<string, unknown>, given);
    deleteLink(socket, { name: 'port' });
    deleteLink(socket, { name: 'brp' });
  });
});
