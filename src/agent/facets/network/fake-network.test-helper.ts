/** A network namespace in memory, with the habits of the kernel that a plan has to live with. */
import assert from 'node:assert/strict';
import type { PodNic } from '../../../vm/bindings/types.ts';
import type { FakeKernel } from '../testing/laws.ts';
import type { NetworkOp, ObservedLink, ObservedNetwork } from './model.ts';

type Table = NonNullable<ObservedNetwork['table']>;
type FakeLink = { -readonly [K in keyof ObservedLink]: ObservedLink[K] };

export class FakeNetwork implements FakeKernel<ObservedNetwork, NetworkOp> {
  readonly #links = new Map<string, FakeLink>();
  readonly #sysctls = new Map<string, string>();
  readonly #tables = new Map<string, Table>();
  #routes: readonly string[] = [];
  #nextIndex = 2;

  /** `sysctls`: what of the namespace itself is there; those of links come and go with them. */
  constructor(options: { readonly podNics: readonly PodNic[]; readonly sysctls: Readonly<Record<string, string>> }) {
    for (const [key, value] of Object.entries(options.sysctls)) {
      this.#sysctls.set(key, value);
    }
    for (const nic of options.podNics) {
      this.addLink({
        ...this.#newLink(nic.name, 'veth', nic.macAddress),
        mtu: nic.mtu,
        up: true,
        addresses: nic.addresses,
      });
      this.#routes = [...this.#routes, ...nic.routes.map(({ destination, gateway }) => `${destination} ${gateway}`)];
    }
  }

  addLink(link: FakeLink): void {
    this.#links.set(link.name, link);
    for (const key of linkKeys(link.name)) {
      this.#sysctls.set(key, 'default');
    }
  }

  addTable(table: Table): void {
    this.#tables.set(table.name, table);
  }

  /** What others do to it: each as one command of `ip`, `nft` or `sysctl` would. */
  disturb(kind: 'delete-links' | 'flush' | 'rules' | 'down' | 'settings' | 'orphan' | 'steal', mark: string): void {
    for (const link of [...this.#links.values()].filter(({ alias }) => alias === mark)) {
      if (kind === 'delete-links') {
        this.#delete(link.name);
      } else if (kind === 'down') {
        link.up = false;
        link.mtu = 1280;
      } else if (kind === 'orphan') {
        link.master = undefined;
        link.addresses = [];
      }
    }
    if (kind === 'steal') {
      // Into somebody else's bridge, with the flag that ours has.
      for (const port of [...this.#links.values()].filter(({ learning }) => learning === false)) {
        port.master = 'foreign0';
      }
    }
    const ours = this.#tables.get('vmlet');
    if (kind === 'rules' && ours !== undefined) {
      this.#tables.set('vmlet', {
        ...ours,
        chains: ours.chains.map((chain) => ({ ...chain, rules: chain.rules.slice(1) })),
      });
    }
    if (kind === 'flush') {
      this.#tables.clear();
    } else if (kind === 'settings') {
      for (const key of this.#sysctls.keys()) {
        this.#sysctls.set(key, 'changed');
      }
    }
  }

  clone(): FakeNetwork {
    const copy = new FakeNetwork({ podNics: [], sysctls: Object.fromEntries(this.#sysctls) });
    for (const link of this.#links.values()) {
      copy.#links.set(link.name, { ...link });
    }
    this.#tables.forEach((table) => copy.addTable(table));
    copy.#routes = this.#routes;
    copy.#nextIndex = this.#nextIndex;
    return copy;
  }

  observe(): ObservedNetwork {
    return {
      links: new Map([...this.#links].map(([name, link]) => [name, { ...link }])),
      sysctls: new Map(this.#sysctls),
      table: this.#tables.get('vmlet'),
    };
  }

  state(): unknown {
    return {
      links: this.links(),
      sysctls: [...this.#sysctls].toSorted(([a], [b]) => a.localeCompare(b)),
      tables: [...this.#tables.keys()].toSorted(),
      routes: this.#routes.toSorted(),
    };
  }

  /** Links and addresses alone, without the kernel's settings that a removal leaves to the namespace's end. */
  links(): readonly unknown[] {
    return [...this.#links.values()]
      .map(({ index: _index, ...link }) => ({ ...link, addresses: link.addresses.toSorted() }))
      .toSorted(byName);
  }

  foreign(): unknown {
    return {
      links: [...this.#links.values()].filter(({ name }) => name.startsWith('foreign')).map((link) => ({ ...link })),
      tables: [...this.#tables.keys()].filter((name) => name.startsWith('foreign')),
    };
  }

  apply(op: NetworkOp): void {
    switch (op.kind) {
      case 'set-alias':
        this.#get(op.link).alias = op.alias === '' ? undefined : op.alias;
        break;
      case 'rename-link': {
        const link = this.#get(op.from);
        assert.ok(!link.up, `EBUSY: ${op.from} is up`);
        assert.ok(!this.#links.has(op.to), `EEXIST: ${op.to}`);
        this.#forget(op.from);
        link.name = op.to;
        this.addLink(link);
        break;
      }
      case 'create-bridge':
        this.#create(op.link, 'bridge', op.macAddress);
        break;
      case 'create-dummy':
        this.#create(op.link, 'dummy', op.macAddress);
        break;
      case 'create-tap':
        this.#create(op.link, 'tun', undefined);
        this.#get(op.link).tapOwner = op.owner;
        break;
      case 'set-link':
        this.#set(this.#get(op.link), op.changes);
        break;
      case 'delete-link':
        this.#delete(op.link);
        break;
      case 'add-address': {
        const link = this.#get(op.link);
        link.addresses = [...link.addresses.filter((address) => address !== op.address), op.address];
        break;
      }
      case 'delete-address': {
        const link = this.#get(op.link);
        link.addresses = link.addresses.filter((address) => address !== op.address);
        break;
      }
      case 'add-route':
        assert.ok(this.#get(op.link).up, 'ENETDOWN');
        this.#routes = [...new Set([...this.#routes, `${op.destination} ${op.gateway}`])];
        break;
      case 'set-sysctl':
        assert.ok(this.#sysctls.has(op.key), `ENOENT: ${op.key}`);
        this.#sysctls.set(op.key, op.value);
        break;
      case 'load-table':
        assert.equal(this.#tables.has(op.table.name), op.replaces);
        this.#tables.set(op.table.name, op.table);
        break;
      case 'delete-table':
        assert.ok(this.#tables.delete(op.table.name), 'ENOENT');
        break;
    }
  }

  #set(link: FakeLink, changes: (NetworkOp & { kind: 'set-link' })['changes']): void {
    link.mtu = changes.mtu ?? link.mtu;
    link.macAddress = changes.macAddress ?? link.macAddress;
    if (changes.master !== undefined) {
      assert.equal(this.#get(changes.master).kind, 'bridge', `EINVAL: ${changes.master} is no bridge`);
      link.master = changes.master;
      // A port begins with the flags that ports begin with.
      link.learning = true;
    }
    if (changes.learning !== undefined) {
      assert.ok(link.master !== undefined, 'EINVAL: not a bridge port');
      link.learning = changes.learning;
    }
    if (changes.up === false && link.up) {
      // IPv6 addresses and all routes go with it.
      link.addresses = link.addresses.filter((address) => !address.includes(':'));
      this.#routes = [];
    }
    link.up = changes.up ?? link.up;
  }

  #create(name: string, kind: string, macAddress: string | undefined): void {
    assert.ok(!this.#links.has(name), `EEXIST: ${name}`);
    this.addLink(this.#newLink(name, kind, macAddress ?? `0e:00:00:00:00:${this.#nextIndex.toString(16)}`));
  }

  #newLink(name: string, kind: string, macAddress: string): FakeLink {
    return {
      index: this.#nextIndex++,
      name,
      kind,
      macAddress,
      mtu: 1500,
      up: false,
      master: undefined,
      alias: undefined,
      learning: undefined,
      tapOwner: undefined,
      addresses: [],
    };
  }

  #delete(name: string): void {
    this.#forget(name);
    for (const port of this.#links.values()) {
      if (port.master === name) {
        port.master = undefined;
        port.learning = undefined;
      }
    }
  }

  #forget(name: string): void {
    this.#links.delete(name);
    for (const key of linkKeys(name)) {
      this.#sysctls.delete(key);
    }
  }

  #get(name: string): FakeLink {
    const link = this.#links.get(name);
    assert.ok(link !== undefined, `ENODEV: ${name}`);
    return link;
  }
}

/** What the kernel has per link, as far as the bindings set it. */
function linkKeys(name: string): readonly string[] {
  return [
    ...['route_localnet', 'rp_filter', 'send_redirects', 'arp_ignore'].map((key) => `net/ipv4/conf/${name}/${key}`),
    ...['accept_dad', 'accept_ra', 'addr_gen_mode', 'disable_ipv6'].map((key) => `net/ipv6/conf/${name}/${key}`),
  ];
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name.localeCompare(b.name);
}
