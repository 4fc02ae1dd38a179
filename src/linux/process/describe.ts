/**
 * Says who a process is, for a person who asks what changed something: name, user, what it belongs to, and who started
 * it. Its arguments are left out, as they may hold secrets.
 */
import { isSameProcess, readIdentity } from './identity.ts';
import { readCgroups, readStat, readStatus } from './process.ts';
import type { ProcessCgroup, ProcessIdentity } from './types.ts';

export interface ProcessAncestor {
  readonly pid: number;
  readonly name: string;
}

export interface ProcessDescription {
  readonly identity: ProcessIdentity;
  /** As the kernel has it, at most 15 characters; anything can call itself so. */
  readonly name: string;
  /** Real user. */
  readonly uid: number | undefined;
  /** Parent first, at most three. */
  readonly ancestors: readonly ProcessAncestor[];
  /** `service docker.service`, `container 3f2c…`, `pod 0fd1…`; undefined at the root of the cgroups. */
  readonly belongsTo: string | undefined;
}

const ANCESTORS_MAX = 3;

/** Undefined when the process has ended. Reads at most a dozen small files. */
export function describeProcess(pid: number): ProcessDescription | undefined {
  const identity = readIdentity(pid);
  const stat = readStat(pid);
  if (identity === undefined || stat === undefined) {
    return undefined;
  }
  const status = readStatus(pid);
  const cgroups = readCgroups(pid);
  const ancestors: ProcessAncestor[] = [];
  for (let parentPid = stat.parentPid; parentPid > 0 && ancestors.length < ANCESTORS_MAX;) {
    const parent = readStat(parentPid);
    if (parent === undefined) {
      break;
    }
    ancestors.push({ pid: parentPid, name: printable(parent.comm) });
    parentPid = parent.parentPid;
  }
  // All of these were read by pid: they count only if it is still the same process.
  return isSameProcess(identity)
    ? {
        identity,
        name: printable(stat.comm),
        uid: status?.uids[0],
        ancestors,
        belongsTo: cgroups === undefined ? undefined : findOwner(cgroups),
      }
    : undefined;
}

/** `sysctl (pid 4711, user 0, service ssh.service), started by bash (4700), sshd (4650)`. */
export function formatProcess(process: ProcessDescription): string {
  const facts = [
    `pid ${process.identity.pid}`,
    ...(process.uid === undefined ? [] : [`user ${process.uid}`]),
    ...(process.belongsTo === undefined ? [] : [process.belongsTo]),
  ];
  const ancestors = process.ancestors.map(({ pid, name }) => `${name} (${pid})`).join(', ');
  return `${process.name} (${facts.join(', ')})${ancestors === '' ? '' : `, started by ${ancestors}`}`;
}

const IDENTIFIER_SHOWN = 12;

/**
 * What the cgroup paths say about a process: Kubernetes pod and container runtimes by their usual names, else the
 * systemd unit, else the path itself. A hint, not a proof: who may make cgroups chooses their names.
 */
export function findOwner(cgroups: readonly ProcessCgroup[]): string | undefined {
  const longest = cgroups.map(({ path }) => path).reduce((a, b) => (b.length > a.length ? b : a), '/');
  const path = printable(longest);
  if (path === '/') {
    return undefined;
  }
  const pod = /[/-]pod([0-9a-f]{8}[-_][0-9a-f_-]{4,27})(?:\.slice)?(?:\/|$)/.exec(path)?.[1];
  const container = /(?:^|[/:-])([0-9a-f]{64})(?:\.scope)?(?:\/|$)/.exec(path)?.[1]?.slice(0, IDENTIFIER_SHOWN);
  if (pod !== undefined) {
    const uid = pod.replaceAll('_', '-');
    return container === undefined ? `pod ${uid}` : `pod ${uid} container ${container}`;
  }
  if (container !== undefined) {
    return `container ${container}`;
  }
  const unit = path.split('/').findLast((part) => /\.(service|scope|socket)$/.test(part));
  if (unit === undefined) {
    return `cgroup ${path.slice(0, 100)}`;
  }
  return `${unit.endsWith('.scope') ? 'scope' : 'service'} ${unit.slice(0, 100)}`;
}

/** Names come from anybody: control characters could forge log lines. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?');
}
