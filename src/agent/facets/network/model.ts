/** One VM's network: what is wanted, what is there, and the steps between. Plain data. */
import type { Table, TableRef } from '../../../linux/nftables/types.ts';
import type { BoundInterface, DesiredLink, DesiredSysctl, Owner, PodNic } from '../../../vm/bindings/types.ts';

/** What the binding of each interface needs to know of the sandbox. */
export interface NetworkFacts {
  /** In the order of the VMI's interfaces, absent ones left out. */
  readonly podNics: readonly PodNic[];
}

export interface DesiredNetwork {
  /** Written on every link made for it; a link without it is somebody else's. */
  readonly mark: string;
  /** By the name of the pod NIC. */
  readonly podNics: readonly PodNic[];
  readonly links: readonly DesiredLink[];
  readonly sysctls: readonly DesiredSysctl[];
  readonly table: Table | undefined;
}

/** All of it: also what the domain and the address servers are told. */
export interface NetworkSpec extends DesiredNetwork {
  /** In the order of spec.domain.devices.interfaces. */
  readonly interfaces: readonly BoundInterface[];
}

export interface ObservedLink {
  readonly index: number;
  readonly name: string;
  /** IFLA_INFO_KIND: `bridge`, `tun`, `dummy`, `veth`; undefined for hardware and loopback. */
  readonly kind: string | undefined;
  readonly macAddress: string;
  readonly mtu: number;
  readonly up: boolean;
  /** Name of the bridge it is a port of. */
  readonly master: string | undefined;
  readonly alias: string | undefined;
  /** As a bridge port; undefined when the kernel did not say. */
  readonly learning: boolean | undefined;
  /** Of a TAP: who may open it. */
  readonly tapOwner: Owner | undefined;
  /** CIDR, all scopes. */
  readonly addresses: readonly string[];
}

export interface ObservedNetwork {
  readonly links: ReadonlyMap<string, ObservedLink>;
  /** Values of the settings that were asked for; one that does not exist (yet) is missing. */
  readonly sysctls: ReadonlyMap<string, string>;
  readonly table: Table | undefined;
}

export interface LinkChanges {
  readonly macAddress?: string;
  readonly mtu?: number;
  readonly up?: boolean;
  readonly master?: string;
  readonly learning?: boolean;
}

export type NetworkOp =
  | { readonly kind: 'set-alias'; readonly link: string; readonly alias: string }
  | { readonly kind: 'rename-link'; readonly from: string; readonly to: string }
  | {
      readonly kind: 'create-bridge';
      readonly link: string;
      readonly macAddress: string | undefined;
    }
  | {
      readonly kind: 'create-dummy';
      readonly link: string;
      readonly macAddress: string | undefined;
    }
  | {
      readonly kind: 'create-tap';
      readonly link: string;
      readonly owner: Owner;
      readonly queues: number;
    }
  | { readonly kind: 'set-link'; readonly link: string; readonly changes: LinkChanges }
  | { readonly kind: 'delete-link'; readonly link: string }
  | { readonly kind: 'add-address'; readonly link: string; readonly address: string }
  | { readonly kind: 'delete-address'; readonly link: string; readonly address: string }
  | { readonly kind: 'add-route'; readonly link: string; readonly destination: string; readonly gateway: string }
  | { readonly kind: 'set-sysctl'; readonly key: string; readonly value: string; readonly before: string | undefined }
  | { readonly kind: 'load-table'; readonly table: Table; readonly replaces: boolean }
  | { readonly kind: 'delete-table'; readonly table: TableRef };
