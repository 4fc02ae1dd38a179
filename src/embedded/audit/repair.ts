/** Takes away what an audit found to be nobody's. */
import { rm } from 'node:fs/promises';
import { unreachable } from '../../base/assert.ts';
import { VmletError, errorMessage } from '../../base/errors.ts';
import { unmount } from '../../linux/mount/mount.ts';
import { removePinnedNamespace } from '../../linux/namespace/namespace.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE } from '../../linux/netlink/constants.ts';
import { openNetlink } from '../../linux/netlink/socket.ts';
import { deleteTable } from '../../linux/nftables/nftables.ts';
import { openPidFd, sendSignal } from '../../linux/process/pidfd.ts';
import { readCgroups } from '../../linux/process/process.ts';
import { deleteLinkIfPresent, findLink } from '../../linux/rtnetlink/links/links.ts';
import { removeCgroupRemains } from '../sandbox/cgroup-remains.ts';
import { deleteSandbox } from '../sandbox/sandbox.ts';
import { settingsOf } from './collect.ts';
import type { AuditedInstance, AuditFinding, AuditFix, AuditKind } from './model.ts';

/** Processes end before their control group goes, a namespace after the link in it, directories last. */
const order: readonly AuditKind[] = ['process', 'sandbox', 'cgroup', 'link', 'mount', 'namespace', 'pod address'];

/** Gives every finding with its outcome; those without a fix as they were. One that fails does not keep others back. */
export async function repairOrphans(
  findings: readonly AuditFinding[],
  instance: AuditedInstance,
): Promise<AuditFinding[]> {
  const outcomes = new Map<AuditFinding, AuditFinding>();
  for (const finding of findings.toSorted((a, b) => rank(a.kind) - rank(b.kind))) {
    const { fix } = finding;
    if (finding.verdict !== 'orphan' || fix === undefined) {
      continue;
    }
    try {
      await carryOut(fix, instance);
      outcomes.set(finding, { ...finding, outcome: 'repaired' });
    } catch (error) {
      outcomes.set(finding, { ...finding, outcome: 'failed', problem: errorMessage(error) });
    }
  }
  return findings.map((finding) => outcomes.get(finding) ?? finding);
}

function rank(kind: AuditKind): number {
  const place = order.indexOf(kind);
  return place === -1 ? order.length : place;
}

/** What has gone by itself meanwhile is fine. */
async function carryOut(fix: AuditFix, instance: AuditedInstance): Promise<void> {
  switch (fix.kind) {
    case 'delete-link': {
      using socket = openNetlink({ protocol: NETLINK_ROUTE });
      // By index, and only while it has its name: an index may have been given to another link since.
      if (findLink(socket, { name: fix.name })?.index === fix.index) {
        deleteLinkIfPresent(socket, { index: fix.index });
      }
      return;
    }
    case 'delete-table': {
      using socket = openNetlink({ protocol: NETLINK_NETFILTER });
      deleteTable(socket, { family: fix.family, name: fix.name });
      return;
    }
    case 'kill':
      killMember(fix);
      return;
    case 'remove-cgroup':
      await removeCgroupRemains(fix.path);
      return;
    case 'unpin':
      removePinnedNamespace(fix.path);
      return;
    case 'unmount':
      unmount(fix.path);
      return;
    case 'delete-sandbox':
      await deleteSandbox(settingsOf(instance), fix.id);
      // What the runtime does not know by itself, as its state file is missing or cut short.
      await rm(`${fix.root}/${fix.id}`, { recursive: true, force: true });
      return;
    case 'remove-file':
      await rm(fix.path, { force: true });
      return;
    case 'remove-tree':
      await rm(fix.path, { recursive: true, force: true });
      return;
    default:
      unreachable(fix);
  }
}

/** By handle, after a second look that it is still in the control group: its pid may be another's by now. */
function killMember(fix: { readonly pid: number; readonly cgroup: string }): void {
  using process = openPidFd(fix.pid);
  if (process === undefined) {
    return;
  }
  const isMember = readCgroups(fix.pid)?.some(({ path }) => path === fix.cgroup || path.startsWith(`${fix.cgroup}/`));
  if (isMember === false) {
    throw new VmletError('NotAMember', `process ${fix.pid} has left ${fix.cgroup}`);
  }
  sendSignal(process, 'SIGKILL');
}
