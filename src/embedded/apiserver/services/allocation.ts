/** Gives Services their addresses and node ports. Source: pkg/registry/core/service of Kubernetes; texts as there. */
import { cloneJson } from '../../../apimachinery/clone-json.ts';
import { randomInt } from 'node:crypto';
import { invalidField } from '../../../apimachinery/field-error.ts';
import type { FieldError } from '../../../apimachinery/field-error.ts';
import { internalError, invalid } from '../../../apimachinery/status.ts';
import type { Store } from '../../store/store.ts';
import { parseStored } from '../object-view.ts';
import { createReservations } from '../reservations.ts';
import { storagePrefix } from '../resource.ts';
import type { AdmissionPlugin } from '../types.ts';
import { formatAddress, parseAddress, parseAddressRange } from './address-range.ts';
import { hasClusterAddress, hasNodePorts, headless } from './types.ts';
import type { Service, ServicePort } from './types.ts';

export interface ServiceRanges {
  /** IPv4, `10.96.0.0/16`. */
  readonly addresses: string;
  readonly nodePorts: { readonly first: number; readonly last: number };
}

export const defaultServiceRanges: ServiceRanges = {
  addresses: '10.96.0.0/16',
  nodePorts: { first: 30_000, last: 32_767 },
};

interface Taken {
  readonly addresses: readonly string[];
  /** `30080/TCP`. */
  readonly nodePorts: readonly string[];
}

const subject = { group: '', resource: 'services', kind: 'Service' };
const prefix = storagePrefix('', 'services');
/** Tries by chance before looking one by one. */
const guesses = 16;

export function createServiceAllocator(store: Store, ranges: ServiceRanges): AdmissionPlugin {
  const range = parseAddressRange(ranges.addresses);
  const { first, last } = ranges.nodePorts;
  const reserved = createReservations<Taken>();

  function takenByOthers(owner: string): { addresses: Set<string>; nodePorts: Set<string> } {
    const addresses = new Set<string>();
    const nodePorts = new Set<string>();
    const add = (taken: Taken): void => {
      for (const address of taken.addresses) {
        addresses.add(address);
      }
      for (const port of taken.nodePorts) {
        nodePorts.add(port);
      }
    };
    for (const { key, value } of store.range({ prefix }).entries) {
      if (key !== owner) {
        add(takenBy(parseStored(value) as Service));
      }
    }
    for (const [other, taken] of reserved.current()) {
      if (other !== owner) {
        add(taken);
      }
    }
    return { addresses, nodePorts };
  }

  function allocateAddress(service: Service, taken: ReadonlySet<string>, errors: FieldError[]): void {
    const { spec } = service;
    const wanted = spec.clusterIP ?? '';
    if (wanted !== '') {
      const number = parseAddress(wanted);
      const why =
        number === undefined || number < range.first || number > range.last
          ? `the provided IP (${wanted}) is not in the valid range. The range of valid IPs is ${range.cidr}`
          : taken.has(wanted)
            ? 'provided IP is already allocated'
            : undefined;
      if (why !== undefined) {
        errors.push(invalidField('spec.clusterIPs', [wanted], `failed to allocate IP ${wanted}: ${why}`));
      }
      return;
    }
    // The first one is the API's, by custom.
    const found = pick(range.first + 1, range.last, (number) => !taken.has(formatAddress(number)));
    if (found === undefined) {
      throw internalError(`failed to allocate a serviceIP: range ${range.cidr} is full`);
    }
    spec.clusterIP = formatAddress(found);
    spec.clusterIPs = [spec.clusterIP];
  }

  function allocatePort(port: ServicePort, index: number, taken: Set<string>, errors: FieldError[]): void {
    const key = (number: number): string => `${number}/${port.protocol ?? 'TCP'}`;
    const field = `spec.ports[${index}].nodePort`;
    const wanted = port.nodePort ?? 0;
    if (wanted === 0) {
      const found = pick(first, last, (number) => !taken.has(key(number)));
      if (found === undefined) {
        throw internalError(`failed to allocate a nodePort: range ${first}-${last} is full`);
      }
      port.nodePort = found;
    } else if (wanted < first || wanted > last) {
      const why = `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
      errors.push(invalidField(field, wanted, why));
    } else if (taken.has(key(wanted))) {
      errors.push(invalidField(field, wanted, 'provided port is already allocated'));
    }
    taken.add(key(port.nodePort ?? 0));
  }

  return {
    name: 'service-addresses',
    matches: (type, operation) =>
      type.group === '' && type.resource === 'services' && type.subresource === undefined && operation !== 'DELETE',
    async admit({ object, namespace = '', name, dryRun }) {
      if (object === undefined) {
        return;
      }
      const service = cloneJson(object) as Service;
      const owner = `${prefix}${namespace}/${name}`;
      const taken = takenByOthers(owner);
      const errors: FieldError[] = [];
      if (hasClusterAddress(service)) {
        allocateAddress(service, taken.addresses, errors);
      }
      if (hasNodePorts(service)) {
        for (const [index, port] of (service.spec.ports ?? []).entries()) {
          allocatePort(port, index, taken.nodePorts, errors);
        }
      }
      if (errors.length > 0) {
        throw invalid(subject, name, errors);
      }
      if (!dryRun) {
        reserved.set(owner, takenBy(service));
      }
      return { object: service };
    },
  };
}

function takenBy({ spec }: Service): Taken {
  const { clusterIP = '', ports = [] } = spec;
  return {
    addresses: clusterIP === '' || clusterIP === headless ? [] : [clusterIP],
    nodePorts: ports.flatMap(({ nodePort, protocol = 'TCP' }) => (nodePort ? [`${nodePort}/${protocol}`] : [])),
  };
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
