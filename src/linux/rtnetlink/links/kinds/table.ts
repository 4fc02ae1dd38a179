import { bond } from './bond.ts';
import { bondPort } from './bond-port.ts';
import { bridge } from './bridge.ts';
import { bridgePort } from './bridge-port.ts';
import { ipvlan } from './ipvlan.ts';
import type { LinkKind } from './kind.ts';
import { macvlan } from './macvlan.ts';
import { macvtap } from './macvtap.ts';
import { tun } from './tun.ts';
import { vlan } from './vlan.ts';
import { vxlan } from './vxlan.ts';

/**
 * The kinds with attributes, by IFLA_INFO_KIND, which is also the name of their field in Link and LinkSpec. A new kind
 * is a file and a line here. `dummy` has no attributes; `veth` has its peer only (`LinkSpec.peer`).
 */
export const linkKinds = { bridge, vlan, macvlan, macvtap, ipvlan, vxlan, bond, tun } as const;

/** The attributes that a port has of its master, by IFLA_INFO_SLAVE_KIND, and the field of Link that they go to. */
export const portKinds = {
  bridge: { field: 'bridgePort', kind: bridgePort },
  bond: { field: 'bondPort', kind: bondPort },
} as const;

type AttributesOf<K> = K extends LinkKind<infer T> ? T : never;

/** What a link reports of its kind. */
export type KindAttributes = {
  readonly [Kind in keyof typeof linkKinds]?: AttributesOf<(typeof linkKinds)[Kind]>;
};

/** The kinds that can be made and changed. */
export type WritableKind = {
  [Kind in keyof typeof linkKinds]: (typeof linkKinds)[Kind] extends { readonly encode: unknown } ? Kind : never;
}[keyof typeof linkKinds];

export type WritableKindAttributes = Pick<KindAttributes, WritableKind>;

/** What a port reports of its place in its master. */
export type PortAttributes = {
  readonly [Kind in keyof typeof portKinds as (typeof portKinds)[Kind]['field']]?: AttributesOf<
    (typeof portKinds)[Kind]['kind']
  >;
};

/** The kind as the table has it, or undefined for one that it does not have. */
export function findLinkKind(name: string): LinkKind<unknown> | undefined {
  return findIn<LinkKind<unknown>>(linkKinds as unknown as Record<string, LinkKind<unknown>>, name);
}

export function findPortKind(
  name: string,
): { readonly field: keyof PortAttributes; readonly kind: LinkKind<unknown> } | undefined {
  return findIn(portKinds as unknown as Record<string, { field: keyof PortAttributes; kind: LinkKind<unknown> }>, name);
}

/** Names come from the kernel, so `constructor` and the like must not be found. */
function findIn<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
