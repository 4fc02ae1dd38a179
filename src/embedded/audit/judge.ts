/** From what is there to what is wrong with it. Pure. */
import { unreachable } from '../../base/assert.ts';
import type { AuditedInstance, AuditFinding, AuditFix, AuditItem, AuditKind, KnownPods } from './model.ts';

/** A pull may take an hour (image-store.ts). */
const startAgeMsMax = 2 * 3600 * 1000;

/** One finding for each thing that is not needed or cannot be judged; what belongs to a living Pod gives none. */
export function judge(items: readonly AuditItem[], known: KnownPods, instance: AuditedInstance): AuditFinding[] {
  const withDirectory = new Set(items.flatMap(({ kind, pod }) => (kind === 'pod directory' ? (pod ?? []) : [])));
  return items.flatMap((item) => judgeOne(item, { ...known, withDirectory }, instance) ?? []);
}

/** What tells the next start of vmlet how a Pod ended, beside its directory, which may hold disks. */
const tellsTheEnd: ReadonlySet<AuditKind> = new Set(['sandbox', 'cgroup', 'pod directory']);

function judgeOne(
  item: AuditItem,
  known: KnownPods & { readonly withDirectory: ReadonlySet<string> },
  instance: AuditedInstance,
): AuditFinding | undefined {
  const { belongs, pod = '?' } = item;
  const isDown = known.daemon === 'down';
  if (isDown && !known.isPlaceKnown && (belongs === 'pod' || belongs === 'instance')) {
    const what = `${instance.runDir} has nothing of instance ${instance.name}: it may run with other directories`;
    return finding('undecided', item, what, 'name the directories given to `vmlet up` with --run-dir and --state-dir');
  }
  switch (belongs) {
    case 'pod':
      if (known.living.has(pod)) {
        return undefined;
      }
      if (isDown && tellsTheEnd.has(item.kind) && known.withDirectory.has(pod)) {
        const what = `of Pod ${pod}, of which nothing runs; it may be wanted still, and how it ended is told by this`;
        const remedy = `start vmlet, which takes away what has no Pod: vmlet up --state-dir ${instance.stateDir} --run-dir ${instance.runDir} --bridge ${instance.name}`;
        return finding('undecided', item, what, remedy);
      }
      return orphan(item, `of Pod ${pod}, ${isDown ? 'of which nothing runs' : 'which does not exist'}`);
    case 'instance':
      return isDown && known.living.size === 0 ? orphan(item, 'vmlet is down and no VM runs') : undefined;
    case 'start':
      return isDown || (item.ageMs ?? 0) > startAgeMsMax
        ? orphan(item, 'left by a start or a pull that was cut off')
        : undefined;
    case 'image':
      return finding('reclaimable', item, 'no VM uses it; vmlet removes it in time, or when the disk is full', '');
    case 'unknown':
      return finding(
        'undecided',
        item,
        item.detail ?? 'it cannot be told whose it is',
        'look at it, and remove it if nobody needs it',
      );
  }
}

function orphan(item: AuditItem, why: string): AuditFinding {
  const remedy = item.fix === undefined ? 'remove it' : remedyOf(item.fix);
  return {
    ...finding('orphan', item, [item.detail, why].filter((part) => part !== undefined).join('; '), remedy),
    ...(item.fix && { fix: item.fix }),
  };
}

function finding(verdict: AuditFinding['verdict'], item: AuditItem, what: string, remedy: string): AuditFinding {
  const { kind, object } = item;
  return { verdict, kind, object, what, meaning: meanings[kind], remedy };
}

const meanings: Readonly<Record<AuditKind, string>> = {
  link: 'costs a little memory; a port of the bridge gets a copy of every broadcast',
  'nftables table': 'its rules still look at every packet',
  cgroup: 'counts against the limit of control groups',
  process: 'a VM or a part of one runs that nobody can see, stop or reach',
  namespace: 'keeps links, addresses and rules of a VM that is gone alive',
  mount: 'keeps files of a VM that is gone busy',
  sandbox: 'the OCI runtime refuses a new sandbox of this name',
  'pod address': 'one address of the pod network less for VMs',
  'pod directory': 'takes disk space; may hold disks of a VM',
  staging: 'takes space; may hold secrets of a VM',
  image: 'takes disk space',
  network: 'VMs are not reached, or not as they must be',
  vm: 'the VM may be unreachable, slower or less confined than it was asked to be',
};

/** The fix as a command for a person. Pure. */
export function remedyOf(fix: AuditFix): string {
  switch (fix.kind) {
    case 'delete-link':
      return `ip link delete ${fix.name}`;
    case 'delete-table':
      return `nft delete table ${fix.family} ${fix.name}`;
    case 'remove-cgroup':
      return `rmdir ${fix.directories.join(' ')}`;
    case 'kill':
      return `kill -KILL ${fix.pid}`;
    case 'unpin':
      return `umount -l ${fix.path}; rm -f ${fix.path}`;
    case 'unmount':
      return `umount -l ${fix.path}`;
    case 'delete-sandbox':
      return `runc --root ${fix.root} delete --force ${fix.id}; rm -rf ${fix.bundle}`;
    case 'remove-file':
      return `rm ${fix.path}`;
    case 'remove-tree':
      return `rm -rf ${fix.path}`;
    default:
      return unreachable(fix);
  }
}
