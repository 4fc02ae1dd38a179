/** Gives Services their addresses and node ports. Source: pkg/registry/core/service of Kubernetes; texts as there. */
import { randomInt } from 'node:crypto';
import { cloneJson } from '../../../apimachinery/clone-json.ts';
import { invalidField } from '../../../apimachinery/field-error.ts';
import type { FieldError } from '../../../apimachinery/field-error.ts';
import { internalError, invalid } from '../../../apimachinery/status.ts';
import type { Store } from '../../store/store.ts';
import { createReservations } from '../reservations.ts';
import type { AdmissionPlugin } from '../types.ts';
import { canonicalAddress, parseAddressRange } from './address-range.ts';
import type { AddressRange } from './address-range.ts';
import { settleFamilies } from './families.ts';
import { createTakenIndex, servicesPrefix, takenBy } from './taken.ts';
import { hasClusterAddress, hasNodePorts } from './types.ts';
import type { IpFamily, Service, ServicePort } from './types.ts';

export interface ServiceRanges {
  /** `10.96.0.0/16`. Its family is that of a Service that names none. */
  readonly addresses: string;
  /** Of the other family, `fd76:6d6c:7376::/112`; left out: Services have one family. */
  readonly secondaryAddresses?: string;
  readonly nodePorts: { readonly first: number; readonly last: number };
}

export const defaultServiceRanges: ServiceRanges = {
  addresses: '10.96.0.0/16',
  nodePorts: { first: 30_000, last: 32_767 },
};

/** For hosts that give their pods IPv6 addresses. */
export const dualStackServiceRanges: ServiceRanges = {
  ...defaultServiceRanges,
  secondaryAddresses: 'fd76:6d6c:7376::/112',
};

const subject = { group: '', resource: 'services', kind: 'Service' };
/** Tries by chance before looking one by one. */
const guesses = 16;
type IsTaken = (what: string) => boolean;

export function createServiceAllocator(store: Store, settings: ServiceRanges): AdmissionPlugin {
  const { secondaryAddresses } = settings;
  const { first, last } = settings.nodePorts;
  const primary = parseAddressRange(settings.addresses);
  const ranges: Partial<Record<IpFamily, AddressRange>> = {
    ...(secondaryAddresses === undefined
      ? {}
      : { [primary.family === 'IPv4' ? 'IPv6' : 'IPv4']: parseAddressRange(secondaryAddresses) }),
    [primary.family]: primary,
  };
  const others = (['IPv4', 'IPv6'] as const).filter(
    (family) => family !== primary.family && ranges[family] !== undefined,
  );
  const configured: readonly [IpFamily, ...IpFamily[]] = [primary.family, ...others];
  const reserved = createReservations<readonly string[]>();
  const stored = createTakenIndex(store, (owner) => reserved.delete(owner));

  function takenByOthers(owner: string): IsTaken {
    const soon = new Set([...reserved.current()].flatMap(([other, taken]) => (other === owner ? [] : taken)));
    return (what) => soon.has(what) || stored.isTaken(what, owner);
  }

  function allocateAddresses(service: Service, isTaken: IsTaken, errors: FieldError[]): void {
    const { spec } = service;
    const wanted = spec.clusterIPs ?? [spec.clusterIP ?? ''];
    const addresses = (spec.ipFamilies ?? []).map((family, index) => {
      const range = ranges[family] ?? primary;
      const address = wanted[index] ?? '';
      if (address === '') {
        return allocateAddress(range, isTaken);
      }
      const why =
        range.indexOf(address) === undefined
          ? `the provided IP (${address}) is not in the valid range. The range of valid IPs is ${range.cidr}`
          : isTaken(canonicalAddress(address) ?? address)
            ? 'provided IP is already allocated'
            : undefined;
      if (why !== undefined) {
        errors.push(invalidField('spec.clusterIPs', wanted, `failed to allocate IP ${address}: ${why}`));
      }
      return address;
    });
    spec.clusterIP = addresses[0] ?? '';
    spec.clusterIPs = addresses;
  }

  function allocatePort(port: ServicePort, index: number, isTaken: IsTaken, errors: FieldError[]): void {
    const key = (number: number): string => `${number}/${port.protocol ?? 'TCP'}`;
    const field = `spec.ports[${index}].nodePort`;
    const wanted = port.nodePort ?? 0;
    if (wanted === 0) {
      const found = pick(first, last, (number) => !isTaken(key(number)));
      if (found === undefined) {
        throw internalError(`failed to allocate a nodePort: range ${first}-${last} is full`);
      }
      port.nodePort = found;
    } else if (wanted < first || wanted > last) {
      const why = `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
      errors.push(invalidField(field, wanted, why));
    } else if (isTaken(key(wanted))) {
      errors.push(invalidField(field, wanted, 'provided port is already allocated'));
    }
  }

  return {
    name: 'service-addresses',
    matches: (type, operation) =>
      type.group === '' && type.resource === 'services' && type.subresource === undefined && operation !== 'DELETE',
    async admit({ object, oldObject, namespace = '', name, dryRun }) {
      if (object === undefined) {
        return;
      }
      const service = cloneJson(object) as Service;
      const owner = `${servicesPrefix}${namespace}/${name}`;
      const isTaken = takenByOthers(owner);
      const errors = settleFamilies(service, oldObject as Service | undefined, configured);
      if (hasClusterAddress(service) && errors.length === 0) {
        allocateAddresses(service, isTaken, errors);
      }
      if (hasNodePorts(service)) {
        const own = new Set<string>();
        for (const [index, port] of (service.spec.ports ?? []).entries()) {
          allocatePort(port, index, (what) => own.has(what) || isTaken(what), errors);
          own.add(`${port.nodePort ?? 0}/${port.protocol ?? 'TCP'}`);
        }
      }
      if (errors.length > 0) {
        throw invalid(subject, name, errors);
      }
      if (!dryRun) {
        reserved.set(owner, takenBy(service));
      }
      return { object: service, warnings: warningsOf(service) };
    },
  };
}

/** What is taken as it is said, and has no effect here. */
function warningsOf({ spec }: Service): string[] {
  return [
    ...((spec.externalIPs ?? []).length === 0
      ? []
      : [
          'spec.externalIPs: nothing leads from these addresses to the endpoints here; the ClusterIP and node ports do',
        ]),
    ...(spec.type === 'LoadBalancer'
      ? ['spec.type: nothing here gives load balancers; the Service is reached by its ClusterIP and node ports']
      : []),
  ];
}

function allocateAddress(range: AddressRange, isTaken: IsTaken): string {
  // The first one is the API's, by custom.
  const found = pick(1, range.count - 1, (number) => !isTaken(range.at(number)));
  if (found === undefined) {
    throw internalError(`failed to allocate a serviceIP: range ${range.cidr} is full`);
  }
  return range.at(found);
}

function pick(from: number, to: number, isFree: (number: number) => boolean): number | undefined {
  for (let guess = 0; guess < guesses; guess += 1) {
    const number = randomInt(from, to + 1);
    if (isFree(number)) {
      return number;
    }
  }
  for (let number = from; number <= to; number += 1) {
    if (isFree(number)) {
      return number;
    }
  }
  return undefined;
}
