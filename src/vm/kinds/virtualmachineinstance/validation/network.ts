/** Interfaces and networks: `spec.domain.devices.interfaces` and `spec.networks`. */
import { isIP, isIPv4 } from 'node:net';
import { forbiddenField, invalidField, requiredField, type FieldError } from '../../../../apimachinery/field-error.ts';
import type { DhcpOptions, Interface } from '../device-types.ts';
import type { Network, VirtualMachineInstanceSpec } from '../types.ts';
import { checkDnsLabel, checkUnique } from './checks.ts';
import { checkPciAddress } from './volumes.ts';

const bindings = ['masquerade', 'bridge', 'sriov', 'passtBinding', 'binding', 'slirp', 'macvtap', 'passt'] as const;
const mac = /^[0-9a-f]{2}(?<separator>[:-])(?:[0-9a-f]{2}\k<separator>){4}[0-9a-f]{2}$/iu;

export function validateNetwork(spec: VirtualMachineInstanceSpec, field: string): FieldError[] {
  const interfaces = spec.domain.devices.interfaces ?? [];
  const networks = spec.networks ?? [];
  const place = `${field}.domain.devices.interfaces`;
  const errors = [
    ...checkUnique(interfaces.map(({ name }, index) => ({ value: name, field: `${place}[${index}].name` }))),
    ...checkUnique(networks.map(({ name }, index) => ({ value: name, field: `${field}.networks[${index}].name` }))),
    ...checkUnique(
      interfaces.flatMap(({ macAddress }, index) =>
        macAddress === undefined
          ? []
          : [{ value: macAddress.toLowerCase().replaceAll('-', ':'), field: `${place}[${index}].macAddress` }],
      ),
    ),
  ];
  for (const [index, entry] of interfaces.entries()) {
    const network = networks.find(({ name }) => name === entry.name);
    errors.push(...validateInterface(entry, network, `${place}[${index}]`));
    if (network === undefined) {
      const detail = `no entry of ${field}.networks has this name`;
      errors.push({ type: 'NotFound', field: `${place}[${index}].name`, badValue: entry.name, detail });
    }
  }
  for (const [index, network] of networks.entries()) {
    errors.push(...validateNetworkSource(network, `${field}.networks[${index}]`));
    if (!interfaces.some(({ name }) => name === network.name)) {
      const detail = `no entry of ${place} has this name`;
      errors.push({ type: 'NotFound', field: `${field}.networks[${index}].name`, badValue: network.name, detail });
    }
  }
  const podNetworks = networks.flatMap((network, index) => (network.pod === undefined ? [] : [index]));
  for (const index of podNetworks.slice(1)) {
    errors.push(forbiddenField(`${field}.networks[${index}].pod`, 'the pod network can be used once'));
  }
  return errors;
}

function validateInterface(entry: Interface, network: Network | undefined, field: string): FieldError[] {
  const errors = checkDnsLabel(entry.name, `${field}.name`);
  const set = bindings.filter((binding) => entry[binding] !== undefined);
  if (set.length === 0) {
    errors.push(requiredField(field, 'a binding: masquerade: {} or bridge: {}'));
  } else if (set.length > 1) {
    errors.push(forbiddenField(field, `one binding, not ${set.join(' and ')}`));
  }
  if (entry.masquerade !== undefined && network !== undefined && network.pod === undefined) {
    errors.push(forbiddenField(`${field}.masquerade`, 'works on the pod network only'));
  }
  if (entry.macAddress !== undefined) {
    errors.push(...checkMac(entry.macAddress, `${field}.macAddress`));
  }
  if (entry.pciAddress !== undefined) {
    errors.push(...checkPciAddress(entry.pciAddress, `${field}.pciAddress`));
  }
  errors.push(...validatePorts(entry, field));
  if (entry.dhcpOptions !== undefined) {
    errors.push(...validateDhcp(entry.dhcpOptions, `${field}.dhcpOptions`));
  }
  return errors;
}

function checkMac(address: string, field: string): FieldError[] {
  if (!mac.test(address)) {
    return [invalidField(field, address, 'must be a MAC address such as de:ad:00:00:be:af')];
  }
  const first = Number.parseInt(address.slice(0, 2), 16);
  if ((first & 1) === 1) {
    return [invalidField(field, address, 'must not be a multicast address: the lowest bit of its first byte is set')];
  }
  return /^[0:-]+$/u.test(address) ? [invalidField(field, address, 'must not be all zero')] : [];
}

function validatePorts(entry: Interface, field: string): FieldError[] {
  const ports = entry.ports ?? [];
  const errors: FieldError[] = [];
  if (ports.length > 0 && entry.masquerade === undefined) {
    errors.push(forbiddenField(`${field}.ports`, 'works with masquerade only; with bridge all ports are open'));
  }
  for (const [index, { port }] of ports.entries()) {
    if (port < 1 || port > 65_535) {
      errors.push(invalidField(`${field}.ports[${index}].port`, port, 'must be 1 to 65535'));
    }
  }
  const named = ports.flatMap(({ name }, index) =>
    name === undefined || name === '' ? [] : [{ value: name, field: `${field}.ports[${index}].name` }],
  );
  for (const { value, field: place } of named) {
    errors.push(...checkDnsLabel(value, place));
  }
  errors.push(...checkUnique(named));
  errors.push(
    ...checkUnique(
      ports.map(({ port, protocol }, index) => ({
        value: `${protocol ?? 'TCP'} ${port}`,
        field: `${field}.ports[${index}]`,
      })),
    ),
  );
  return errors;
}

function validateDhcp(options: DhcpOptions, field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, server] of (options.ntpServers ?? []).entries()) {
    if (!isIPv4(server)) {
      errors.push(invalidField(`${field}.ntpServers[${index}]`, server, 'must be an IPv4 address'));
    }
  }
  const own = options.privateOptions ?? [];
  for (const [index, { option }] of own.entries()) {
    if (option < 224 || option > 254) {
      errors.push(invalidField(`${field}.privateOptions[${index}].option`, option, 'must be 224 to 254'));
    }
  }
  errors.push(
    ...checkUnique(
      own.map(({ option }, index) => ({ value: option, field: `${field}.privateOptions[${index}].option` })),
    ),
  );
  return errors;
}

function validateNetworkSource(network: Network, field: string): FieldError[] {
  const errors = checkDnsLabel(network.name, `${field}.name`);
  const set = (['pod', 'multus', 'resourceClaim'] as const).filter((source) => network[source] !== undefined);
  if (set.length === 0) {
    errors.push(requiredField(field, 'a source: pod: {}'));
  } else if (set.length > 1) {
    errors.push(forbiddenField(field, `one source, not ${set.join(' and ')}`));
  }
  const { pod } = network;
  if (pod?.vmNetworkCIDR !== undefined) {
    errors.push(...checkCidr(pod.vmNetworkCIDR, 4, `${field}.pod.vmNetworkCIDR`));
  }
  if (pod?.vmIPv6NetworkCIDR !== undefined) {
    errors.push(...checkCidr(pod.vmIPv6NetworkCIDR, 6, `${field}.pod.vmIPv6NetworkCIDR`));
  }
  return errors;
}

/** A gateway and a guest must fit: /30 and /126 are the smallest. The base must leave room for common sense: /8 and /16. */
function checkCidr(cidr: string, family: 4 | 6, field: string): FieldError[] {
  const [address = '', prefix = '', ...rest] = cidr.split('/');
  const length = /^\d{1,3}$/u.test(prefix) ? Number(prefix) : Number.NaN;
  if (rest.length > 0 || isIP(address) !== family || !(length <= (family === 4 ? 32 : 128))) {
    const example = family === 4 ? '10.0.2.0/24' : 'fd10:0:2::/120';
    return [invalidField(field, cidr, `must be an IPv${family} network such as ${example}`)];
  }
  const [shortest, longest] = family === 4 ? [8, 30] : [16, 126];
  return length < shortest || length > longest
    ? [invalidField(field, cidr, `the prefix must be /${shortest} to /${longest}, so that a gateway and a guest fit`)]
    : [];
}
