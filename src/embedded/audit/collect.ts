/** Everything on this host that has the mark of one instance, each with whom it was made for. Only reads. */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readLayout } from '../../linux/cgroup/layout.ts';
import { openCgroup } from '../../linux/cgroup/observe.ts';
import { readMountinfo } from '../../linux/mount/mountinfo.ts';
import { isNamespaceFile } from '../../linux/namespace/namespace.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE } from '../../linux/netlink/constants.ts';
import { openNetlink } from '../../linux/netlink/socket.ts';
import { listTables } from '../../linux/nftables/dump.ts';
import { listPids, readCgroups, readStat } from '../../linux/process/process.ts';
import { listLinks } from '../../linux/rtnetlink/links/links.ts';
import type { Link } from '../../linux/rtnetlink/links/types.ts';
import { servicesTable } from '../services/services.ts';
import { bridgeMacAddress, bridgeMark } from '../podnetwork/host-side.ts';
import { isOurBridge } from '../podnetwork/plan-host.ts';
import { hostLinkName, POD_MARK } from '../podnetwork/pod-side.ts';
import { bundleDir, runtimeRoot, sandboxCgroup, sandboxSettings, type SandboxSettings } from '../sandbox/settings.ts';
import { linkedImageDirs } from '../volumes/pod-volumes.ts';
import type { AuditedInstance, AuditItem } from './model.ts';

const BRIDGE_MARK = bridgeMark('');
const MARK = 'vmlet';
const podCgroup = /^pod(.+)$/;
/** A name that was made for a Pod; anything else in these places is told, and left alone. */
const uidPattern = /^[0-9a-zA-Z][0-9a-zA-Z-]{0,62}$/;

export async function collect(instance: AuditedInstance): Promise<AuditItem[]> {
  const sandbox = settingsOf(instance);
  return [
    ...collectLinks(instance),
    ...collectTables(instance),
    ...collectProcesses(sandbox),
    ...collectCgroups(sandbox),
    ...collectSandboxes(sandbox),
    ...collectMounts(instance, sandbox),
    ...collectNamespaces(instance),
    ...collectFiles(instance),
    ...(await collectImages(instance)),
  ];
}

export function settingsOf(instance: AuditedInstance): SandboxSettings {
  return sandboxSettings({ instance: instance.name, stateDir: instance.stateDir, runDir: instance.runDir });
}

/** Uids of Pods of which a process is alive, from the control groups. */
export function livingPods(instance: AuditedInstance): Set<string> {
  return new Set(sandboxMembers(settingsOf(instance)).map(({ uid }) => uid));
}

function collectLinks({ name }: AuditedInstance): AuditItem[] {
  using socket = openNetlink({ protocol: NETLINK_ROUTE });
  const links = listLinks(socket);
  const ours = { macAddress: bridgeMacAddress(name), mark: bridgeMark(name) };
  const bridge = links.find(
    (link) =>
      link.name === name &&
      isOurBridge(ours, { ...link, kind: link.kind, alias: link.alias, macAddress: link.address }),
  );
  const instances = links.flatMap(({ alias }) =>
    alias?.startsWith(BRIDGE_MARK) === true ? [alias.slice(BRIDGE_MARK.length)] : [],
  );
  return links.flatMap((link): AuditItem[] => {
    const { alias = '', index } = link;
    const fix = { kind: 'delete-link', name: link.name, index } as const;
    if (link === bridge) {
      return [{ kind: 'link', object: link.name, belongs: 'instance', detail: 'bridge of the pod network', fix }];
    }
    const uid = alias.startsWith(POD_MARK) ? alias.slice(POD_MARK.length) : undefined;
    if (uid !== undefined && link.kind === 'veth' && link.name === hostLinkName(name, uid)) {
      return [{ kind: 'link', object: link.name, belongs: 'pod', pod: uid, detail: `link of a pod`, fix }];
    }
    return isOfAnother(link, { name, uid, instances }) ? [] : unknownLink(link, bridge?.index);
  });
}

/** Has the mark of an instance whose bridge is there, or no mark at all. */
function isOfAnother(
  { alias = '', name, master }: Link,
  known: { readonly name: string; readonly uid: string | undefined; readonly instances: readonly string[] },
): boolean {
  const { uid, instances } = known;
  const isMarked =
    alias.startsWith(`${MARK} `) || (alias === '' && /^vml[0-9a-f]{11}$/.test(name) && master !== undefined);
  return (
    !isMarked ||
    (alias.startsWith(BRIDGE_MARK) && alias !== bridgeMark(known.name)) ||
    (uid !== undefined && instances.some((other) => other !== known.name && hostLinkName(other, uid) === name))
  );
}

function unknownLink(link: Link, bridgeIndex: number | undefined): AuditItem[] {
  const { alias, master, name } = link;
  if (alias === undefined && (master === undefined || master !== bridgeIndex)) {
    return [];
  }
  const detail =
    alias === undefined
      ? 'looks like a link of a pod on the bridge, but has no mark'
      : `marked "${alias}", but not named as this instance names its links: of another instance, or renamed`;
  return [{ kind: 'link', object: name, belongs: 'unknown', detail }];
}

function collectTables({ name }: AuditedInstance): AuditItem[] {
  using socket = openNetlink({ protocol: NETLINK_NETFILTER });
  const names = [name, servicesTable(name)];
  return listTables(socket)
    .filter((table) => names.includes(table.name))
    .map((table): AuditItem => {
      const object = `${table.family} ${table.name}`;
      const { family } = table;
      const fix = { kind: 'delete-table', family, name: table.name } as const;
      return family === 'inet' || family === 'bridge'
        ? { kind: 'nftables table', object, belongs: 'instance', fix: { ...fix, family } }
        : { kind: 'nftables table', object, belongs: 'unknown', detail: `vmlet makes no tables of family ${family}` };
    });
}

interface Member {
  readonly pid: number;
  readonly comm: string;
  readonly uid: string;
}

/** Processes below the instance's control groups; a zombie holds nothing any more. */
function sandboxMembers({ cgroupParent }: SandboxSettings): Member[] {
  const prefix = `${cgroupParent}/`;
  return listPids().flatMap((pid) => {
    const path = readCgroups(pid)?.find((entry) => entry.path.startsWith(prefix))?.path;
    const uid = podCgroup.exec(path?.slice(prefix.length).split('/')[0] ?? '')?.[1];
    const stat = uid === undefined ? undefined : readStat(pid);
    return uid === undefined || stat === undefined || stat.state === 'Z' ? [] : [{ pid, comm: stat.comm, uid }];
  });
}

function collectProcesses(sandbox: SandboxSettings): AuditItem[] {
  return sandboxMembers(sandbox).map(({ pid, comm, uid }) => ({
    kind: 'process',
    object: `${pid} ${comm}`,
    belongs: 'pod',
    pod: uid,
    fix: { kind: 'kill', pid, cgroup: sandboxCgroup(sandbox, uid) },
  }));
}

function collectCgroups(sandbox: SandboxSettings): AuditItem[] {
  const directoriesByName = new Map<string, string[]>();
  for (const { directory } of openCgroup(readLayout(), sandbox.cgroupParent).directories) {
    for (const entry of names(directory, 'directories')) {
      directoriesByName.set(entry, [...(directoriesByName.get(entry) ?? []), join(directory, entry)]);
    }
  }
  return [...directoriesByName].map(([entry, directories]): AuditItem => {
    const object = `${sandbox.cgroupParent}/${entry}`;
    const pod = podCgroup.exec(entry)?.[1];
    return pod === undefined
      ? { kind: 'cgroup', object, belongs: 'unknown', detail: 'not named as vmlet names control groups of Pods' }
      : { kind: 'cgroup', object, belongs: 'pod', pod, fix: { kind: 'remove-cgroup', path: object, directories } };
  });
}

/** From the runtime's own directory and the bundles: also those that a start left half-made. */
function collectSandboxes(sandbox: SandboxSettings): AuditItem[] {
  const root = runtimeRoot(sandbox);
  const ids = new Set([...names(root), ...names(`${sandbox.runDir}/bundles`)]);
  return [...ids].map((id) => ({
    kind: 'sandbox',
    object: id,
    belongs: 'pod',
    pod: id,
    fix: { kind: 'delete-sandbox', id, root, bundle: bundleDir(sandbox, id) },
  }));
}

function collectMounts({ stateDir, runDir }: AuditedInstance, sandbox: SandboxSettings): AuditItem[] {
  const podRoots = [`${stateDir}/kubelet/pods/`, `${sandbox.runDir}/bundles/`, `${runtimeRoot(sandbox)}/`];
  return (
    readMountinfo()
      .map(({ mountPoint }) => mountPoint)
      .filter((path) => path.startsWith(`${stateDir}/`) || path.startsWith(`${runDir}/`))
      // A pinned namespace is told as one.
      .filter((path) => !path.startsWith(`${runDir}/netns/`))
      .map((path): AuditItem => {
        const base = podRoots.find((candidate) => path.startsWith(candidate));
        const pod = base === undefined ? undefined : path.slice(base.length).split('/')[0];
        const fix = { kind: 'unmount', path } as const;
        return pod === undefined
          ? { kind: 'mount', object: path, belongs: 'unknown', detail: 'not in a directory of a Pod' }
          : { kind: 'mount', object: path, belongs: 'pod', pod, fix };
      })
  );
}

function collectNamespaces({ runDir }: AuditedInstance): AuditItem[] {
  return names(`${runDir}/netns`).map((pod) => {
    const path = `${runDir}/netns/${pod}`;
    return isNamespaceFile(path)
      ? { kind: 'namespace', object: path, belongs: 'pod', pod, fix: { kind: 'unpin', path } }
      : {
          kind: 'namespace',
          object: path,
          belongs: 'pod',
          pod,
          detail: 'only the file',
          fix: { kind: 'remove-file', path },
        };
  });
}

function collectFiles({ stateDir, runDir }: AuditedInstance): AuditItem[] {
  const podDirectories = names(`${stateDir}/kubelet/pods`).map((pod): AuditItem => {
    const path = `${stateDir}/kubelet/pods/${pod}`;
    return { kind: 'pod directory', object: path, belongs: 'pod', pod, fix: { kind: 'remove-tree', path } };
  });
  const addresses = names(`${runDir}/pod-addresses`).map((name): AuditItem => {
    const path = `${runDir}/pod-addresses/${name}`;
    const pod = name.replace(/\.new$/, '');
    return { kind: 'pod address', object: path, belongs: 'pod', pod, fix: { kind: 'remove-file', path } };
  });
  const staging = [`${runDir}/staging`, `${runDir}/pull`, `${stateDir}/images/staging`].flatMap((directory) =>
    names(directory).map((name): AuditItem => {
      const path = `${directory}/${name}`;
      return {
        kind: 'staging',
        object: path,
        belongs: 'start',
        ageMs: ageOf(path),
        fix: { kind: 'remove-tree', path },
      };
    }),
  );
  return [...podDirectories, ...addresses, ...staging];
}

async function collectImages({ stateDir }: AuditedInstance): Promise<AuditItem[]> {
  const linked = await linkedImageDirs(`${stateDir}/kubelet`).catch(() => undefined);
  // When it cannot be told which are used, none is said to be unused.
  return linked === undefined
    ? []
    : names(`${stateDir}/images/content`)
        .map((name) => `${stateDir}/images/content/${name}`)
        .filter((path) => !linked.has(path))
        .map((path) => ({ kind: 'image', object: path, belongs: 'image' }));
}

/** What is not there has no entries; names that vmlet does not make are left out. */
function names(directory: string, only?: 'directories'): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => only === undefined || entry.isDirectory())
      .map(({ name }) => name)
      .filter((name) => only !== undefined || uidPattern.test(name.replace(/\.new$/, '')));
  } catch {
    return [];
  }
}

function ageOf(path: string): number {
  try {
    return Date.now() - lstatSync(path).ctimeMs;
  } catch {
    return 0;
  }
}
