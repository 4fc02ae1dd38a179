/**
 * The pod network of a single host, without any plug-in: see host-side.ts and pod-side.ts. Every step is a synchronous
 * exchange with the kernel, so two setups never meet half-way.
 */
import { mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VmletError, errorCode, errorMessage } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { Fd } from '../../linux/fd/fd.ts';
import { listLinks } from '../../linux/rtnetlink/links/links.ts';
import { addressAt, CANDIDATE_CIDRS, lastPodNumber, overlaps, requirePodCidrs } from './addresses.ts';
import { openAllocation } from './allocation.ts';
import {
  ensureHostSide,
  foreignNetworks,
  hasIpv6,
  type HostSettings,
  type HostSide,
  openHostSide,
  removeHostSide,
} from './host-side.ts';
import { ensurePodSide, POD_MARK, removePodSide } from './pod-side.ts';
import type { PodNetwork } from './pod-network.ts';

export interface HostPodNetwork extends PodNetwork {
  /** What pods get their addresses from. */
  readonly cidr: string;
  /** Takes bridge and nftables table away when no pod is left; else leaves both. The pod network is closed after it. */
  removeHost(): Promise<void>;
}

export interface HostPodNetworkOptions {
  /** Pinned namespaces are `<runDir>/netns/<pod uid>`. */
  readonly runDir: string;
  /** Remembers the IPv4 network that was found free. */
  readonly stateDir: string;
  /** Name of the bridge and of the nftables table, at most 15 bytes. */
  readonly bridge: string;
  /** One that is free on this host when undefined. */
  readonly cidr: string | undefined;
  readonly cidrV6: string;
  readonly logger: Logger;
  /** Where the bridge is; the namespace of this process when left out. */
  readonly hostNetns?: Fd;
}

const uidPattern = /^[0-9a-zA-Z][0-9a-zA-Z-]{0,62}$/;

/**
 * Makes the host's half and takes over the pods that are there. Throws KernelError, and VmletError `InvalidPodCidr`,
 * `NoFreePodCidr`, `PodCidrInUse` or `LinkConflict`.
 */
export async function openPodNetwork(options: HostPodNetworkOptions): Promise<HostPodNetwork> {
  const { bridge, logger } = options;
  using opened = new DisposableStack();
  const host = opened.use(openHostSide(options.hostNetns));
  const netnsDir = join(options.runDir, 'netns');
  mkdirSync(netnsDir, { recursive: true, mode: 0o700 });
  mkdirSync(options.stateDir, { recursive: true, mode: 0o700 });
  const cidr = decideCidr(host, options);
  requirePodCidrs(cidr, options.cidrV6);
  const withIpv6 = hasIpv6(host);
  if (!withIpv6) {
    logger.info('this host has no IPv6: pods get IPv4 addresses only');
  }
  const settings: HostSettings = { bridge, cidr, cidrV6: withIpv6 ? options.cidrV6 : undefined };
  const allocation = openAllocation(join(options.runDir, 'pod-addresses'), { lastNumber: lastPodNumber(cidr) });
  ensureHostSide(host, settings);
  const owned = opened.move();

  const teardown = (uid: string): void => {
    removePodSide(host, { uid, netnsPath: join(netnsDir, requireUid(uid)), bridge });
    // Last: as long as the number is taken, a teardown that was cut off is found again.
    allocation.release(uid);
  };
  const present = (): Set<string> =>
    new Set([
      ...allocation.podUids(),
      ...readdirSync(netnsDir).filter((name) => uidPattern.test(name)),
      ...markedPods(host),
    ]);
  return {
    cidr,
    async setup(pod) {
      const uid = requireUid(pod.uid);
      const netnsPath = join(netnsDir, uid);
      try {
        const number = allocation.acquire(uid);
        const bridgeLink = ensureHostSide(host, settings);
        ensurePodSide(host, { uid, netnsPath, number }, { ...settings, bridgeLink });
        const cidrs = [settings.cidr, ...(settings.cidrV6 === undefined ? [] : [settings.cidrV6])];
        return { netnsPath, ips: cidrs.map((network) => addressAt(network, number)) };
      } catch (error) {
        const message = `network of pod ${pod.namespace}/${pod.name}: ${errorMessage(error)}`;
        throw new VmletError(errorCode(error), message, { cause: error });
      }
    },
    async teardown(podUid) {
      teardown(podUid);
    },
    async retainOnly(podUids) {
      for (const uid of present()) {
        if (!podUids.has(uid)) {
          logger.info({ podUid: uid }, 'removing the network of a pod that is gone');
          teardown(uid);
        }
      }
    },
    async removeHost() {
      if (present().size === 0) {
        removeHostSide(host, bridge);
      }
      owned.dispose();
    },
  };

  /** Uids that ports of the bridge are marked with. */
  function markedPods(side: HostSide): string[] {
    const links = listLinks(side.route);
    const index = links.find(({ name }) => name === bridge)?.index;
    return links
      .filter(({ master, alias }) => master === index && alias?.startsWith(POD_MARK) === true)
      .map(({ alias = '' }) => alias.slice(POD_MARK.length))
      .filter((uid) => uidPattern.test(uid));
  }
}

function requireUid(uid: string): string {
  if (!uidPattern.test(uid)) {
    throw new VmletError('InvalidPodUid', `pod uid ${JSON.stringify(uid)} cannot be a file name`);
  }
  return uid;
}

/** What was asked for, else what this instance had before, else the first candidate that nothing on the host uses. */
function decideCidr(host: HostSide, options: HostPodNetworkOptions): string {
  const file = join(options.stateDir, 'pod-cidr');
  const remembered = readIfPresent(file);
  const wanted = options.cidr ?? remembered;
  const inUse = readIfPresent(join(options.runDir, 'pod-cidr'));
  const pods = readdirSync(join(options.runDir, 'netns')).length;
  if (inUse !== undefined && wanted !== undefined && inUse !== wanted && pods > 0) {
    throw new VmletError(
      'PodCidrInUse',
      `${pods} VMs run with addresses of ${inUse}; stop them before changing the pod network to ${wanted}`,
    );
  }
  const foreign = foreignNetworks(host, options.bridge);
  const cidr = wanted ?? CANDIDATE_CIDRS.find((candidate) => !foreign.some((network) => overlaps(candidate, network)));
  if (cidr === undefined) {
    throw new VmletError(
      'NoFreePodCidr',
      `this host uses all of ${CANDIDATE_CIDRS.join(', ')}; choose an IPv4 network that is free with --pod-cidr`,
    );
  }
  const clash = foreign.find((network) => overlaps(cidr, network));
  if (clash !== undefined) {
    options.logger.warn({ cidr, route: clash }, 'the pod network overlaps a network that this host has a route to');
  }
  writeAtomically(file, cidr);
  writeAtomically(join(options.runDir, 'pod-cidr'), cidr);
  return cidr;
}

function writeAtomically(path: string, text: string): void {
  writeFileSync(`${path}.new`, `${text}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}
