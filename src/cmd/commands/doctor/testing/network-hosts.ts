/** Hosts on which the checks about the network and nftables are not content, and others near by. */
import { accept, iifname, oifname, rule } from '../../../../linux/nftables/build.ts';
import type { CheckName } from '../check-names.ts';
import { notRoot, forwardDrop, without, set, file, noDevice, at, network4, type OtherHost } from './changes.ts';
import * as good from './good-host.ts';

export const networkHosts = {
  'network-bridge': network4('bridge'),
  'network-veth': network4('veth'),
  'network-tap': network4('tap'),
  'network-tun': [
    at('missing', { probes: { tunDevice: () => '/dev/net/tun is missing' } }, 'problem', /missing/),
    at(
      'not root',
      { ...notRoot, probes: { tunDevice: () => '/dev/net/tun cannot be opened (EACCES)' } },
      'skipped',
      /only root/,
    ),
  ],
  'network-vhost': [at('missing', noDevice('/dev/vhost-net'), 'warning', /vhost-net/)],
  'network-vsock': [at('missing', noDevice('/dev/vhost-vsock'), 'warning', /vhost-vsock/)],
  'network-ip-forward': [
    at(
      'switched off behind our back',
      { files: { '/proc/sys/net/ipv4/ip_forward': '0\n', '/sys/class/net/vmlet0/mtu': '1500\n' } },
      'problem',
      /although/,
    ),
    at('not switched on yet', set('net/ipv4/ip_forward', '0'), 'ok', /ip_forward=0/),
    at('not told', without('/proc/sys/net/ipv4/ip_forward'), 'skipped', /shows no/),
  ],
  'network-ipv6': [
    at('off', set('net/ipv6/conf/all/disable_ipv6', '1'), 'warning', /switched off/),
    at(
      'forwarding switched off',
      { files: { '/proc/sys/net/ipv6/conf/all/forwarding': '0\n', '/sys/class/net/vmlet0/mtu': '1500\n' } },
      'problem',
      /although/,
    ),
    at('not switched on yet', set('net/ipv6/conf/all/forwarding', '0'), 'ok', /forwarding=0/),
  ],
  'network-rp-filter': [
    at(
      'strict with two uplinks',
      {
        files: {
          '/proc/sys/net/ipv4/conf/all/rp_filter': '1\n',
          '/proc/net/route': `${good.route}eth1\t00000000\t0100000B\t0003\t0\t0\t1\t00000000\t0\t0\t0\n`,
        },
      },
      'warning',
      /eth0 and eth1/,
    ),
    at('strict with one', set('net/ipv4/conf/all/rp_filter', '1'), 'ok', /rp_filter=1/),
    at('not told', without('/proc/sys/net/ipv4/conf/all/rp_filter'), 'skipped', /shows no/),
  ],
  'network-bridge-nf': [at('on', set('net/bridge/bridge-nf-call-iptables', '1'), 'warning', /iptables=1/)],
  'network-uplink': [
    at('no default route', file('/proc/net/route', 'Iface\tDestination\n'), 'warning', /no IPv4 default route/),
    at('not told', without('/proc/net/route'), 'skipped', /cannot be read/),
  ],
  'network-resolver': [
    at('missing', without('/etc/resolv.conf'), 'warning', /is missing/),
    at('on loopback', file('/etc/resolv.conf', 'nameserver 127.0.0.53\n'), 'warning', /names no server/),
    at(
      'systemd-resolved',
      {
        files: {
          '/etc/resolv.conf': 'nameserver 127.0.0.53\n',
          '/run/systemd/resolve/resolv.conf': 'nameserver 192.0.2.54\n',
        },
      },
      'ok',
      /192\.0\.2\.54/,
    ),
  ],
  'nftables-nat': network4('nat'),
  'nftables-forward-policy': [
    at('as Docker leaves it', { probes: { ruleset: () => [forwardDrop([])] } }, 'warning', /ip filter FORWARD/),
    at(
      'one direction only',
      { probes: { ruleset: () => [forwardDrop([rule(iifname('vmlet0'), accept())])] } },
      'warning',
      /FORWARD/,
    ),
    at(
      'with rules for us',
      {
        probes: {
          ruleset: () => [forwardDrop([rule(iifname('vmlet0'), accept()), rule(oifname('vmlet0'), accept())])],
        },
      },
      'ok',
      /no forward chain/,
    ),
    at('not root', notRoot, 'skipped', /only root/),
  ],
  'nftables-legacy': [at('in use', file('/proc/net/ip_tables_names', 'filter\nnat\n'), 'warning', /filter, nat/)],
  'nftables-conntrack': [
    at('nearly full', set('net/netfilter/nf_conntrack_count', '250000'), 'warning', /250000 of 262144/),
    at('not in use', without('/proc/sys/net/netfilter/nf_conntrack_max'), 'skipped', /not in use/),
  ],
} as const satisfies Partial<Record<CheckName, readonly OtherHost[]>>;
