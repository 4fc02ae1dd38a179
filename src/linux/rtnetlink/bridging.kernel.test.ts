import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { errorCode } from '../../base/errors.ts';
import { openFds } from '../fd/fd.ts';
import { NETLINK_ROUTE } from '../netlink/constants.ts';
import { openNetlink } from '../netlink/socket.ts';
import { addBridgeVlans, deleteBridgeVlans, listBridgeVlans } from './bridge-vlans/bridge-vlans.ts';
import { RTNLGRP_LINK } from './constants.ts';
import {
  addForwardingEntry,
  deleteForwardingEntry,
  listForwardingEntries,
  replaceForwardingEntry,
} from './forwarding/forwarding.ts';
import { createBridge, createLink, createVeth, getLink, setLink } from './links/links.ts';
import { createTestNamespace, type TestNamespace } from './namespace.test-helper.ts';

const isRoot = process.getuid?.() === 0;

describe('bridges on the kernel', { skip: isRoot ? false : 'needs root' }, () => {
  let netns: TestNamespace;
  let bridge: number;
  let port: number;

  before(() => {
    netns = createTestNamespace();
    using listener = openNetlink({ protocol: NETLINK_ROUTE, netns: netns.fd, groups: [RTNLGRP_LINK] });
    bridge = createBridge(netns.socket, { name: 'br0', up: true }).index;
    port = createVeth(netns.socket, { name: 'p0', master: bridge, up: true, peer: { name: 'p1' } }).index;
    setLink(netns.socket, { name: 'p1' }, { up: true });
    // The carrier is seen a little later; only a port that forwards takes dynamic entries.
    while (getLink(netns.socket, { index: port }).bridgePort?.state !== 'forwarding') {
      listener.receive({ wait: true, target: 'the port to forward' });
    }
  });

  after(() => {
    netns[Symbol.dispose]();
    assert.deepEqual(openFds(), []);
  });

  test('forwarding entries of a bridge', () => {
    const { socket } = netns;
    const macAddress = '02:00:00:00:00:09';
    addForwardingEntry(socket, { linkIndex: port, macAddress });
    assert.throws(() => addForwardingEntry(socket, { linkIndex: port, macAddress }), { code: 'EEXIST' });
    const find = () => listForwardingEntries(socket, { bridge }).find((entry) => entry.macAddress === macAddress);
    const found = find();
    assert.equal(found?.state, 'static');
    assert.equal(found.linkIndex, port);
    assert.equal(found.master, bridge);
    const [seen] = netns.bridge('fdb', 'show', 'br', 'br0').filter((entry) => entry['mac'] === macAddress);
    assert.equal(seen?.['state'], 'static');
    assert.equal(seen['ifname'], 'p0');

    const other = createVeth(socket, { name: 'q0', master: bridge, peer: { name: 'q1' } }).index;
    replaceForwardingEntry(socket, { linkIndex: other, macAddress, isSticky: true });
    assert.equal(find()?.linkIndex, other);
    assert.equal(find()?.isSticky, true);
    // A kernel with VLAN filtering has one entry per VLAN of the port and one without.
    const ofPort = listForwardingEntries(socket, { port: other }).filter((entry) => entry.macAddress === macAddress);
    assert.deepEqual([...new Set(ofPort.map(({ linkIndex }) => linkIndex))], [other]);
    deleteForwardingEntry(socket, { linkIndex: other, macAddress });
    assert.equal(find(), undefined);
    assert.throws(() => deleteForwardingEntry(socket, { linkIndex: other, macAddress }), { code: 'ENOENT' });
    addForwardingEntry(socket, { linkIndex: port, macAddress, state: 'dynamic' });
    assert.equal(find()?.state, 'dynamic');
  });

  test('forwarding entries of a vxlan', (t) => {
    const { socket } = netns;
    let vxlan: number;
    try {
      vxlan = createLink(socket, { name: 'vx0', kind: 'vxlan', vxlan: { id: 7, port: 4789, learning: false } }).index;
    } catch (error) {
      assert.equal(errorCode(error), 'ENOTSUP');
      t.skip('this kernel has no vxlan links');
      return;
    }
    const remote = { destination: '192.0.2.9', port: 4790, vni: 200 };
    const macAddress = '02:00:00:00:00:0b';
    addForwardingEntry(socket, { linkIndex: vxlan, macAddress, table: 'self', ...remote });
    const found = listForwardingEntries(socket).find((entry) => entry.linkIndex === vxlan);
    const { destination, port: udpPort, vni } = found ?? {};
    assert.deepEqual({ destination, port: udpPort, vni }, remote);
    const [seen] = netns.bridge('fdb', 'show', 'dev', 'vx0');
    assert.equal(seen?.['dst'], '192.0.2.9');
    assert.equal(seen['vni'], 200);
    assert.equal(seen['port'], 4790);
  });

  test('VLANs of ports and of the bridge', (t) => {
    const { socket } = netns;
    try {
      setLink(socket, { name: 'br0' }, { bridge: { vlanFiltering: true } });
    } catch (error) {
      assert.equal(errorCode(error), 'ENOTSUP');
      t.skip('this kernel has no bridge VLAN filtering (CONFIG_BRIDGE_VLAN_FILTERING)');
      return;
    }
    addBridgeVlans(socket, { linkIndex: port }, [
      { id: 100, pvid: true, untagged: true },
      { id: 200, lastId: 210 },
    ]);
    addBridgeVlans(socket, { linkIndex: bridge, self: true }, [{ id: 100 }]);
    const vlansOf = (linkIndex: number) => listBridgeVlans(socket, { linkIndex })[0]?.vlans;
    assert.deepEqual(vlansOf(port), [
      { id: 1, untagged: true },
      { id: 100, pvid: true, untagged: true },
      { id: 200, lastId: 210 },
    ]);
    assert.ok(vlansOf(bridge)?.some(({ id }) => id === 100));
    const [seen] = netns.bridge('-compressvlans', 'vlan', 'show', 'dev', 'p0');
    const seenVlans = (seen?.['vlans'] ?? []) as { vlan: number; vlanEnd?: number; flags?: string[] }[];
    const withoutState = seenVlans.map(({ vlan, vlanEnd, flags }) => ({
      vlan,
      ...(vlanEnd === undefined ? {} : { vlanEnd }),
      ...(flags === undefined ? {} : { flags }),
    }));
    assert.deepEqual(withoutState, [
      { vlan: 1, flags: ['Egress Untagged'] },
      { vlan: 100, flags: ['PVID', 'Egress Untagged'] },
      { vlan: 200, vlanEnd: 210 },
    ]);
    deleteBridgeVlans(socket, { linkIndex: port }, [{ id: 1 }, { id: 203, lastId: 210 }]);
    assert.deepEqual(vlansOf(port), [
      { id: 100, pvid: true, untagged: true },
      { id: 200, lastId: 202 },
    ]);
  });

  test('a link that is no port is refused', () => {
    const p1 = netns.ip('link', 'show', 'p1')[0]?.['ifindex'] as number;
    assert.throws(
      () => addForwardingEntry(netns.socket, { linkIndex: p1, macAddress: '02:00:00:00:00:01' }),
      (error: Error) => {
        assert.match(error.message, /^RTM_NEWNEIGH forwarding entry 02:00:00:00:00:01 on link \d+ in netns \d+: E/);
        return true;
      },
    );
  });
});
