import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { errorCode } from '../../base/errors.ts';
import { NETLINK_ROUTE } from '../netlink/constants.ts';
import { openNetlink } from '../netlink/socket.ts';
import { getLinkWithVirtualFunctions, setLink } from './links/links.ts';
import type { VirtualFunctionChange } from './links/virtual-functions.ts';

const networkDirectory = '/sys/class/net';
const virtualFunctions = (name: string): string => `${networkDirectory}/${name}/device/sriov_numvfs`;

/** A physical function that nobody uses: down, and without virtual functions. */
function findIdleDevice(): string | undefined {
  return readdirSync(networkDirectory).find(
    (name) =>
      existsSync(virtualFunctions(name)) &&
      readFileSync(virtualFunctions(name), 'utf8').trim() === '0' &&
      readFileSync(`${networkDirectory}/${name}/operstate`, 'utf8').trim() === 'down',
  );
}

test('virtual functions are set on their device, as ip sees it', (t) => {
  const name = findIdleDevice();
  if (name === undefined || process.getuid?.() !== 0) {
    t.skip('needs root and an unused SR-IOV network device');
    return;
  }
  using socket = openNetlink({ protocol: NETLINK_ROUTE });
  writeFileSync(virtualFunctions(name), '2');
  try {
    const link = getLinkWithVirtualFunctions(socket, { name });
    assert.equal(link.virtualFunctionCount, 2);
    assert.deepEqual(
      link.virtualFunctions?.map(({ index }) => index),
      [0, 1],
    );
    const change = (wanted: Omit<VirtualFunctionChange, 'index'>): boolean => {
      try {
        setLink(socket, { name }, { virtualFunctions: [{ index: 1, ...wanted }] });
        return true;
      } catch (error) {
        assert.equal(errorCode(error), 'ENOTSUP');
        t.diagnostic(`the driver of ${name} cannot set ${Object.keys(wanted).join()}`);
        return false;
      }
    };
    const read = () => getLinkWithVirtualFunctions(socket, { name }).virtualFunctions?.[1];
    const seen = (): Record<string, unknown> => {
      const shown = execFileSync('ip', ['-j', '-d', 'link', 'show', name], { encoding: 'utf8', timeout: 10_000 });
      const [device] = JSON.parse(shown) as { vfinfo_list: Record<string, unknown>[] }[];
      return device?.vfinfo_list[1] ?? {};
    };
    assert.ok(change({ address: '02:00:00:00:00:33' }));
    assert.equal(read()?.address, '02:00:00:00:00:33');
    assert.equal(seen()['address'], '02:00:00:00:00:33');
    if (change({ vlan: { id: 100, qos: 2 } })) {
      assert.deepEqual(read()?.vlan, { id: 100, qos: 2, protocol: '802.1Q' });
    }
    for (const value of [false, true]) {
      if (change({ spoofCheck: value })) {
        assert.equal(read()?.spoofCheck, value);
        assert.equal(seen()['spoofchk'], value);
      }
      if (change({ trust: value })) {
        assert.equal(read()?.trust, value);
        assert.equal(seen()['trust'], value);
      }
    }
    if (change({ linkState: 'disable' })) {
      assert.equal(read()?.linkState, 'disable');
      assert.equal(seen()['link_state'], 'disable');
    }
  } finally {
    writeFileSync(virtualFunctions(name), '0');
  }
});
