import { ok, problem, skipped, warning, type Check } from '../check.ts';
import { parseResolvConf } from '../../../../agent/network/dns-settings.ts';
import type { NetworkProbe } from '../facts.ts';
import { readSetting } from './parse.ts';

/** One that was tried in a network namespace made for it. */
function tried(
  name: Check['name'],
  part: keyof NetworkProbe,
  texts: { readonly seen: string; readonly meaning: string; readonly without: string; readonly remedy: string },
): Check {
  return {
    name,
    look({ probes, settings }) {
      if (!settings.isRoot) {
        return skipped('only root can try it');
      }
      const refusal = probes.network()[part];
      return refusal === undefined ? ok(texts.seen, texts.meaning) : problem(refusal, texts.without, texts.remedy);
    },
  };
}

const bridge = tried('network-bridge', 'bridge', {
  seen: 'made a bridge',
  meaning: 'VMs can be connected to the pod network',
  without: 'VMs have no network and do not start',
  remedy: 'modprobe bridge',
});

const veth = tried('network-veth', 'veth', {
  seen: 'made a veth pair',
  meaning: 'sandboxes can be connected to this host',
  without: 'sandboxes have no network and do not start',
  remedy: 'modprobe veth',
});

const tap = tried('network-tap', 'tap', {
  seen: 'made a TAP device',
  meaning: 'guests get network cards',
  without: 'guests with a network card do not start',
  remedy: 'modprobe tun; in a container, allow the device c 10:200',
});

const tun: Check = {
  name: 'network-tun',
  look({ probes, settings }) {
    const obstacle = probes.tunDevice();
    if (obstacle === undefined) {
      return ok('/dev/net/tun opens', 'QEMU can attach to the TAP devices made for it');
    }
    return !settings.isRoot && /EACCES|EPERM/.test(obstacle)
      ? skipped('only root can try it')
      : problem(obstacle, 'guests with a network card do not start', 'modprobe tun');
  },
};

const vhost: Check = {
  name: 'network-vhost',
  look: ({ probes }) =>
    probes.device('/dev/vhost-net')?.type === 'char'
      ? ok('/dev/vhost-net is there', 'packets of virtio cards are moved by the kernel')
      : warning(
          '/dev/vhost-net is missing',
          'packets of virtio cards are moved by QEMU: guests have a network, a slower one',
          'modprobe vhost_net, then start vmlet again',
        ),
};

const vsock: Check = {
  name: 'network-vsock',
  look: ({ probes }) =>
    probes.device('/dev/vhost-vsock')?.type === 'char'
      ? ok('/dev/vhost-vsock is there', 'this host can offer vsock devices')
      : warning(
          '/dev/vhost-vsock is missing',
          'no VM can have a vsock device; nothing else needs it',
          'modprobe vhost_vsock',
        ),
};

const ipForward: Check = {
  name: 'network-ip-forward',
  look({ files, settings }) {
    const value = readSetting(files, 'net/ipv4/ip_forward');
    if (value === undefined) {
      return skipped('the kernel shows no net.ipv4.ip_forward');
    }
    if (value === 1) {
      return ok('net.ipv4.ip_forward=1', "guests' packets leave this host");
    }
    return files.exists(`/sys/class/net/${settings.bridge}`)
      ? problem(
          `net.ipv4.ip_forward=${value}, although vmlet switched it on`,
          'guests reach this host only',
          'sysctl -w net.ipv4.ip_forward=1, and look in /etc/sysctl.d for what switches it off',
        )
      : ok(`net.ipv4.ip_forward=${value}`, '`vmlet up` switches it on');
  },
};

const ipv6: Check = {
  name: 'network-ipv6',
  look({ files, settings }) {
    const forwarding = readSetting(files, 'net/ipv6/conf/all/forwarding');
    const isOff = readSetting(files, 'net/ipv6/conf/all/disable_ipv6') === 1;
    if (forwarding === undefined || isOff) {
      return warning(
        'IPv6 is switched off',
        'guests have IPv4 addresses only',
        isOff ? 'sysctl -w net.ipv6.conf.all.disable_ipv6=0' : 'boot without ipv6.disable=1',
      );
    }
    if (forwarding === 1) {
      return ok('net.ipv6.conf.all.forwarding=1', "guests' packets leave this host");
    }
    return files.exists(`/sys/class/net/${settings.bridge}`)
      ? problem(
          `net.ipv6.conf.all.forwarding=${forwarding}, although vmlet switched it on`,
          'guests reach this host only by IPv6',
          'sysctl -w net.ipv6.conf.all.forwarding=1, and look in /etc/sysctl.d for what switches it off',
        )
      : ok(`net.ipv6.conf.all.forwarding=${forwarding}`, '`vmlet up` switches it on');
  },
};

/** Interfaces with a default route: lines of /proc/net/route whose destination and mask are zero. */
function uplinks(route: string): string[] {
  const names = route
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1] === '00000000' && fields[7] === '00000000')
    .map((fields) => fields[0] ?? '');
  return [...new Set(names)];
}

const rpFilter: Check = {
  name: 'network-rp-filter',
  look({ files }) {
    const all = readSetting(files, 'net/ipv4/conf/all/rp_filter');
    const route = files.read('/proc/net/route');
    if (all === undefined || route === undefined) {
      return skipped('the kernel shows no net.ipv4.conf.all.rp_filter');
    }
    // The larger of `all` and the interface's own value counts (Documentation/networking/ip-sysctl.rst); 1 is strict.
    const strict = uplinks(route).filter(
      (name) => Math.max(all, readSetting(files, `net/ipv4/conf/${name}/rp_filter`) ?? 0) === 1,
    );
    return strict.length > 1
      ? warning(
          `strict reverse path filter on ${strict.join(' and ')}`,
          'with several uplinks, answers to guests that come in by another one are dropped',
          strict.map((name) => `sysctl -w net.ipv4.conf.${name}.rp_filter=2`).join('; '),
        )
      : ok(`net.ipv4.conf.all.rp_filter=${all}`, 'answers to guests come in');
  },
};

const bridgeNf: Check = {
  name: 'network-bridge-nf',
  look({ files }) {
    const value = readSetting(files, 'net/bridge/bridge-nf-call-iptables');
    if (value === undefined || value === 0) {
      return ok(
        value === undefined ? 'br_netfilter is not loaded' : 'net.bridge.bridge-nf-call-iptables=0',
        'packets between VMs of this host pass no IP firewall',
      );
    }
    return warning(
      `net.bridge.bridge-nf-call-iptables=${value}`,
      'packets between VMs on one bridge pass the forward rules of this host, which may drop them',
      'sysctl -w net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0, unless Kubernetes or Docker needs it',
    );
  },
};

const uplink: Check = {
  name: 'network-uplink',
  look({ files }) {
    const route = files.read('/proc/net/route');
    if (route === undefined) {
      return skipped('/proc/net/route cannot be read');
    }
    const names = uplinks(route);
    return names.length > 0
      ? ok(`default route by ${names.join(', ')}`, 'guests reach what this host reaches')
      : warning(
          'no IPv4 default route',
          'guests reach this host and its networks only, and images cannot be pulled from elsewhere',
          'ip route add default via GATEWAY',
        );
  },
};

const resolver: Check = {
  name: 'network-resolver',
  look({ files }) {
    const text = files.read('/etc/resolv.conf');
    const upstream = files.read('/run/systemd/resolve/resolv.conf');
    const servers = [text, upstream].map((each) => parseResolvConf(each ?? '').servers).find((each) => each.length > 0);
    return servers === undefined
      ? warning(
          text === undefined
            ? '/etc/resolv.conf is missing'
            : '/etc/resolv.conf names no server that a guest can reach',
          'guests are told no name server and cannot resolve names',
          'write "nameserver ADDRESS" into /etc/resolv.conf, with an address that is not on loopback',
        )
      : ok(servers.join(', '), 'guests are told these name servers');
  },
};

export const networkChecks: readonly Check[] = [
  bridge,
  veth,
  tap,
  tun,
  vhost,
  vsock,
  ipForward,
  ipv6,
  rpFilter,
  bridgeNf,
  uplink,
  resolver,
];
