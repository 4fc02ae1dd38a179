/** The hops of a path inside of the sandbox, from the guest to the pod's NIC. Pure. */
import {
  allFamilies,
  conntrackFaults,
  fault,
  type Inside,
  linkHop,
  neighbourState,
  ofFamily,
  podFamilies,
  routeFaults,
  ruleFaults,
  sysctlFacts,
  stops,
} from './faults.ts';
import type { InterfacePath, IpFamily, PathObservation } from './observation.ts';
import type { Fault, Hop } from './report.ts';

/** Neighbour states in which the address has answered, now or before. */
const answered = ['reachable', 'stale', 'delay', 'probe', 'permanent'];

export function sandboxHops(path: InterfacePath, now: PathObservation, before: InterfacePath | undefined): Hop[] {
  const inside: Inside = (command) => `nsenter -t ${now.sandboxPid} -n ${command}`;
  const { name, namespace } = now.vmi;
  const remake = `vmlet puts it back unless the VM's drift policy says otherwise: kubectl annotate vmi ${name} -n ${namespace} vmlet.io/drift-policy-`;
  const { binding, bridge, tap, nic, guest, sandbox } = path;
  const routed = binding === 'masquerade';
  return [
    guestHop(path, now),
    linkHop({
      kind: 'TAP',
      named: tap,
      before: before?.tap,
      inside,
      missing: `${tap.name} does not exist: QEMU's end leads nowhere`,
      remake,
      mtuWanted: guest.mtu,
      facts: queueFacts(path),
      faults: (link) => [
        ...queueFaults(path, remake),
        ...(link.master === bridge.name
          ? []
          : [
              stops(
                `${tap.name} is a port of ${link.master ?? 'no bridge'}, not of ${bridge.name}`,
                inside(`ip link set ${tap.name} master ${bridge.name}`),
              ),
            ]),
      ],
    }),
    linkHop({
      kind: 'sandbox bridge',
      named: bridge,
      before: before?.bridge,
      inside,
      missing: `${bridge.name} does not exist`,
      remake,
      mtuWanted: guest.mtu,
      facts:
        path.guestPort === undefined ? ["the guest's MAC address was not seen"] : [`the guest is at ${path.guestPort}`],
      faults: (link) => [
        ...(routed
          ? podFamilies(path)
              .filter(
                (family) =>
                  ofFamily(guest.addresses, family).length > 0 && ofFamily(link.addresses, family).length === 0,
              )
              .map((family) =>
                stops(`${bridge.name} has no IPv${family} address: the guest has no gateway`, remake, {
                  families: [family],
                }),
              )
          : []),
        ...(path.guestPort === undefined || path.guestPort === tap.name
          ? []
          : [
              stops(
                `${bridge.name} has the guest's MAC address ${guest.macAddress} at ${path.guestPort}, not at ${tap.name}`,
                inside(`bridge fdb del ${guest.macAddress} dev ${path.guestPort} master`),
                { directions: ['in'] },
              ),
            ]),
      ],
    }),
    ...(routed ? [forwardingHop(path, inside, remake)] : []),
    {
      kind: 'sandbox rules',
      name: '',
      facts: sandbox.conntrack === undefined ? [] : [`${sandbox.conntrack.count} connections tracked`],
      faults: [
        ...ruleFaults(sandbox, before?.sandbox, inside),
        ...(routed ? translationFaults(path, remake) : []),
        ...conntrackFaults(sandbox),
      ],
    },
    linkHop({
      kind: 'pod NIC',
      named: nic,
      before: before?.nic,
      inside,
      missing: `the pod has no interface ${nic.name}`,
      remake: 'restart the VM: only the pod network makes it',
      mtuWanted: guest.mtu,
      facts: nic.link?.addresses ?? [],
      faults: (link) => [
        ...(routed
          ? podFamilies(path)
              .filter((family) => ofFamily(link.addresses, family).length === 0)
              .map((family) =>
                stops(
                  `${nic.name} has lost the pod's IPv${family} address`,
                  'restart the VM: only the pod network gives it',
                  {
                    families: [family],
                  },
                ),
              )
          : []),
        ...(routed || link.master === bridge.name
          ? []
          : [
              stops(
                `${nic.name} is no port of ${bridge.name}`,
                inside(`ip link set ${nic.name} master ${bridge.name}`),
              ),
            ]),
        // Where the host's end is known, it says what is wrong with it.
        ...(link.up && !link.lowerUp && typeof path.host === 'string'
          ? [stops(`${nic.name} has no carrier: its other end is down or gone`, 'look at the other end on the host')]
          : []),
      ],
    }),
  ];
}

function guestHop(path: InterfacePath, now: PathObservation): Hop {
  const { guest } = path;
  const command = `-n ${now.vmi.namespace} ${now.vmi.name}`;
  const faults: Fault[] = [];
  if (guest.state === 'paused') {
    faults.push(stops('the guest is paused', `vmlet unpause ${command}`));
  } else if (guest.state === 'gone') {
    faults.push(stops('the guest does not run', `vmlet logs ${command}`));
  } else if (path.tap.link?.up === true && path.queues?.attached !== 0) {
    faults.push(...addressFaults(path, `vmlet console ${command}`));
  }
  return {
    kind: 'guest',
    name: '',
    mtu: guest.mtu,
    facts: [guest.state, guest.macAddress, ...guest.addresses.map((address) => addressFact(path, address))],
    faults,
  };
}

function addressFact(path: InterfacePath, address: string): string {
  const state = neighbourState(path.sandbox, address);
  const taken = path.guest.leases.some((lease) => address.startsWith(`${lease}/`) || address === lease);
  return `${address}${taken ? ' taken' : ''}${state === undefined ? '' : ` ${state}`}`;
}

/** Whether the guest has its address, as far as can be told from outside: it took it, or answers for it. */
function addressFaults(path: InterfacePath, console: string): Fault[] {
  const { guest, sandbox } = path;
  const has = (family: IpFamily): boolean =>
    ofFamily(guest.leases, family).length > 0 ||
    ofFamily(guest.addresses, family).some((address) => answered.includes(neighbourState(sandbox, address) ?? ''));
  const sent = path.tap.link?.counters.rxPackets ?? 0;
  return allFamilies
    .filter((family) => ofFamily(guest.addresses, family).length > 0 && !has(family))
    .map((family): Fault => {
      const address = ofFamily(guest.addresses, family)[0] ?? '';
      const wanted = { families: [family] };
      if (sent === 0) {
        return stops(
          'the guest has not sent a single packet: its card is not up',
          `bring it up in the guest: ${console}`,
          wanted,
        );
      }
      const failed = ofFamily(guest.addresses, family).some((one) => neighbourState(sandbox, one) === 'failed');
      const cause = failed
        ? `the guest does not answer for ${address}, and no lease of it was seen`
        : `no DHCP lease for ${address} was seen and nothing answers for it: the guest has no address`;
      // A guest that has no use for IPv6 is not broken.
      return family === 6 && has(4)
        ? fault('absent', { cause: 'the guest uses no IPv6 address', remedy: `if it should: ${console}` }, wanted)
        : stops(cause, `let it ask by DHCP, or give it the address: ${console}`, wanted);
    });
}

function queueFacts({ queues }: InterfacePath): string[] {
  return queues === undefined ? [] : [`QEMU holds ${queues.attached} of ${queues.wanted} queues`];
}

function queueFaults({ queues, tap }: InterfacePath, remake: string): Fault[] {
  if (queues === undefined || queues.attached >= queues.wanted) {
    return [];
  }
  return queues.attached === 0
    ? [stops(`QEMU holds no queue of ${tap.name}: it was made anew and not attached`, remake)]
    : [
        fault('loses', {
          cause: `QEMU holds only ${queues.attached} of ${queues.wanted} queues of ${tap.name}`,
          remedy: remake,
        }),
      ];
}

function forwardingHop(path: InterfacePath, inside: Inside, remake: string): Hop {
  const { sandbox } = path;
  const faults: Fault[] = [];
  const keys: readonly (readonly [IpFamily, string])[] = [
    [4, 'net/ipv4/ip_forward'],
    [6, 'net/ipv6/conf/all/forwarding'],
  ];
  for (const [family, key] of keys) {
    if (!podFamilies(path).includes(family)) {
      continue;
    }
    if (sandbox.sysctls[key] === '0') {
      faults.push(stops(`${key} is 0 in the sandbox`, inside(`sysctl -w ${key}=1`), { families: [family] }));
    }
    if (!sandbox.defaultRoutes.some((route) => route.family === family)) {
      faults.push(
        stops(`the sandbox has no IPv${family} default route`, remake, { directions: ['out'], families: [family] }),
      );
    }
  }
  const addressed = allFamilies.filter((family) => ofFamily(path.bridge.link?.addresses ?? [], family).length > 0);
  faults.push(...routeFaults(sandbox, path.bridge.name, { where: 'the sandbox', families: addressed, remedy: remake }));
  const disabled = sandbox.sysctls[`net/ipv6/conf/${path.bridge.name}/disable_ipv6`];
  if (disabled === '1' && ofFamily(path.guest.addresses, 6).length > 0) {
    faults.push(
      stops(
        `IPv6 is switched off on ${path.bridge.name}`,
        inside(`sysctl -w net/ipv6/conf/${path.bridge.name}/disable_ipv6=0`),
        {
          families: [6],
        },
      ),
    );
  }
  return {
    kind: 'sandbox forwarding',
    name: '',
    facts: [
      ...sysctlFacts(sandbox),
      ...sandbox.defaultRoutes.map(({ family, gateway, link }) => `IPv${family} by ${gateway ?? 'nobody'} on ${link}`),
    ],
    faults,
  };
}

/** With masquerade the guest has the pod's address only by translation. */
function translationFaults(path: InterfacePath, remake: string): Fault[] {
  return path.sandbox.rules
    .filter(
      ({ family, translated, dropped }) =>
        !translated &&
        dropped === undefined &&
        podFamilies(path).includes(family) &&
        ofFamily(path.guest.addresses, family).length > 0,
    )
    .map(({ direction, family }) =>
      stops(
        direction === 'out'
          ? `no rule translates the guest's address into the pod's: the nftables table of the VM is gone or changed`
          : `no rule hands packets for the pod's address to the guest: the nftables table of the VM is gone or changed`,
        remake,
        { directions: [direction], families: [family] },
      ),
    );
}
