/** Constants and struct sizes against the C headers of this machine. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as netlinkConstants from '../netlink/constants.ts';
import * as rtnetlinkConstants from './constants.ts';
import * as linkConstants from './links/constants.ts';

const headers = [
  'stdio.h',
  'stddef.h',
  'sys/socket.h',
  'linux/if.h',
  'linux/if_addr.h',
  'linux/if_bridge.h',
  'linux/if_ether.h',
  'linux/if_link.h',
  'linux/if_tun.h',
  'linux/if_vlan.h',
  'linux/fib_rules.h',
  'linux/neighbour.h',
  'linux/net_namespace.h',
  'linux/netlink.h',
  'linux/rtnetlink.h',
  'linux/veth.h',
];

/** Sizes that the codecs rely on. */
const sizes: Readonly<Record<string, number>> = {
  'sizeof(struct nlmsghdr)': 16,
  'sizeof(struct sockaddr_nl)': 12,
  'sizeof(struct ifinfomsg)': 16,
  'sizeof(struct ifaddrmsg)': 8,
  'sizeof(struct rtmsg)': 12,
  'sizeof(struct rtnexthop)': 8,
  'sizeof(struct ndmsg)': 12,
  'sizeof(struct fib_rule_hdr)': 12,
  'sizeof(struct bridge_vlan_info)': 4,
  'sizeof(struct ifla_vlan_flags)': 8,
  'sizeof(struct ifla_vf_mac)': 36,
  'sizeof(struct ifla_vf_vlan)': 12,
  'sizeof(struct ifla_vf_vlan_info)': 16,
  'sizeof(struct ifla_vf_rate)': 12,
  'sizeof(struct ifla_vf_spoofchk)': 8,
  'offsetof(struct ifla_vf_vlan_info, vlan_proto)': 12,
  'offsetof(struct rtnl_link_stats64, rx_nohandler)': 23 * 8,
};

/** Written in the header as the complement of an int. */
const asSixteenBits = new Set(['NLA_TYPE_MASK']);

const constants: Readonly<Record<string, unknown>> = { ...netlinkConstants, ...rtnetlinkConstants, ...linkConstants };

test('constants and layouts are those of the C headers', (t) => {
  const expected: Readonly<Record<string, number>> = {
    ...Object.fromEntries(Object.entries(constants).filter(([, value]) => typeof value === 'number')),
    ...sizes,
  } as Record<string, number>;
  const directory = mkdtempSync(join(tmpdir(), 'vmlet-headers-'));
  try {
    const source = join(directory, 'values.c');
    const program = join(directory, 'values');
    const prints = Object.keys(expected).map((name) => {
      const value = asSixteenBits.has(name) ? `(${name}) & 0xffff` : name;
      return `printf("%s %lld\\n", "${name}", (long long)(${value}));`;
    });
    const include = headers.map((header) => `#include <${header}>`).join('\n');
    writeFileSync(source, `${include}\nint main(void) {\n${prints.join('\n')}\nreturn 0;\n}\n`);
    try {
      execFileSync('cc', ['-o', program, source], { timeout: 60_000, stdio: 'pipe' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        t.skip('no C compiler');
        return;
      }
      throw error;
    }
    const lines = execFileSync(program, { encoding: 'utf8', timeout: 10_000 }).trim().split('\n');
    const actual = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
    );
    const wrong = Object.keys(expected).filter((key) => actual[key] !== expected[key]);
    assert.deepEqual(
      wrong.map((key) => `${key}: ${expected[key]} here, ${actual[key]} in the headers`),
      [],
    );
    assert.ok(lines.length > 200);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
