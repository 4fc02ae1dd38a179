import { formatRule } from '../../../../linux/nftables/format-rule.ts';
import type { Chain, Table } from '../../../../linux/nftables/types.ts';
import { ok, problem, skipped, warning, type Check } from '../check.ts';
import { percent, readSetting } from './parse.ts';

const nat: Check = {
  name: 'nftables-nat',
  look({ probes, settings }) {
    if (!settings.isRoot) {
      return skipped('only root can try it');
    }
    const refusal = probes.network().nat;
    return refusal === undefined
      ? ok('loaded a NAT table', 'masquerade networks and published ports work')
      : problem(
          refusal,
          'the pod network and masquerade networks cannot be made: VMs do not start',
          'modprobe -a nf_tables nft_chain_nat nft_masq nft_ct',
        );
  },
};

/** Whether the chain itself accepts what comes from and goes to the bridge; chains it jumps to are not followed. */
function acceptsBridge(table: Table, chain: Chain, bridge: string): boolean {
  const accepting = chain.rules.map((rule) => formatRule(rule, table)).filter((text) => /\baccept\b/.test(text));
  return ['iifname', 'oifname'].every((side) => accepting.some((text) => text.includes(`${side} "${bridge}"`)));
}

const forwardPolicy: Check = {
  name: 'nftables-forward-policy',
  look({ probes, settings }) {
    if (!settings.isRoot) {
      return skipped('only root can read the rules');
    }
    const dropping = probes.ruleset().flatMap((table) =>
      ['ip', 'ip6', 'inet'].includes(table.family)
        ? table.chains
            .filter(({ base }) => base?.hook === 'forward' && base.policy === 'drop')
            .filter((chain) => !acceptsBridge(table, chain, settings.bridge))
            .map((chain) => ({ where: `${table.family} ${table.name} ${chain.name}` }))
        : [],
    );
    return dropping.length === 0
      ? ok(
          'no forward chain drops the packets of guests by default',
          'guests reach what this host reaches, unless a rule says otherwise',
        )
      : warning(
          `policy drop in ${dropping.map(({ where }) => where).join(', ')}`,
          'packets from and to guests are dropped there, unless a rule accepts them: every chain must accept',
          dropping
            .map(
              ({ where }) =>
                `nft insert rule ${where} iifname ${settings.bridge} accept; nft insert rule ${where} oifname ${settings.bridge} accept`,
            )
            .join('; '),
        );
  },
};

const legacy: Check = {
  name: 'nftables-legacy',
  look({ files }) {
    const tables = ['ip_tables_names', 'ip6_tables_names'].flatMap((name) =>
      (files.read(`/proc/net/${name}`) ?? '').split('\n').filter((line) => line !== ''),
    );
    return tables.length === 0
      ? ok('no iptables-legacy tables', 'all rules of this host are seen by nft')
      : warning(
          `iptables-legacy tables: ${[...new Set(tables)].join(', ')}`,
          "they act on guests' packets beside nf_tables, and `nft list ruleset` does not show them",
          'look at them with iptables-legacy-save; update-alternatives --set iptables /usr/sbin/iptables-nft and reboot does away with them',
        );
  },
};

const fullPercent = 80;

const conntrack: Check = {
  name: 'nftables-conntrack',
  look({ files }) {
    const max = readSetting(files, 'net/netfilter/nf_conntrack_max');
    const count = readSetting(files, 'net/netfilter/nf_conntrack_count');
    if (max === undefined || count === undefined) {
      return skipped('connection tracking is not in use yet');
    }
    const seen = `${count} of ${max} connections tracked`;
    return percent(count, max) < fullPercent
      ? ok(seen, 'room for the connections of guests')
      : warning(
          seen,
          'when the table is full, new connections of guests and of this host are dropped',
          `sysctl -w net.netfilter.nf_conntrack_max=${max * 2}`,
        );
  },
};

export const nftablesChecks: readonly Check[] = [nat, forwardPolicy, legacy, conntrack];
