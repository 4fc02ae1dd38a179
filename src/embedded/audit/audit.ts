/**
 * One audit: what is there, who is alive, what is wrong.
 *
 *   Pods before --> what is there --> Pods after --> judge --(orphans?)--> look again a moment later --> findings
 *
 * A Pod that comes or goes meanwhile is in one of the two lists, and what it leaves on its way out is gone at the second
 * look.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { collect, livingPods } from './collect.ts';
import { judge } from './judge.ts';
import type { AuditedInstance, AuditFinding } from './model.ts';
import { repairOrphans } from './repair.ts';

/** Longer than it takes to take one Pod away. */
const settleMs = 1500;

export interface AuditOptions {
  readonly instance: AuditedInstance;
  /** Uids of all Pods, from the API; undefined when vmlet is down: then processes tell. */
  readonly pods: (() => Promise<readonly string[]>) | undefined;
  /** What is not as it must be, in words, beside orphans. Repairs it when asked to. */
  readonly missing?: (repair: boolean) => Promise<readonly AuditFinding[]>;
  readonly repair: boolean;
  readonly settleMs?: number;
}

/** Reads, and with `repair` takes away what is nobody's. Throws KernelError, ToolError. */
export async function audit(options: AuditOptions): Promise<AuditFinding[]> {
  const { instance } = options;
  const first = await look(options);
  const found = first.some(({ verdict }) => verdict === 'orphan')
    ? await sleep(options.settleMs ?? settleMs).then(() => stillThere(first, options))
    : first;
  const judged = options.repair ? await repairOrphans(found, instance) : found;
  return [...judged, ...((await options.missing?.(options.repair)) ?? [])];
}

async function look({ instance, pods }: AuditOptions): Promise<AuditFinding[]> {
  const before = pods === undefined ? livingPods(instance) : await pods();
  const items = await collect(instance);
  const after = pods === undefined ? livingPods(instance) : await pods();
  const known = {
    daemon: pods === undefined ? 'down' : 'running',
    living: new Set([...before, ...after]),
    isPlaceKnown: existsSync(join(instance.runDir, 'netns')),
  } as const;
  return judge(items, known, instance);
}

async function stillThere(first: readonly AuditFinding[], options: AuditOptions): Promise<AuditFinding[]> {
  const key = ({ kind, object, verdict }: AuditFinding): string => `${verdict} ${kind} ${object}`;
  const known = new Set(first.map(key));
  return (await look(options)).filter((finding) => finding.verdict !== 'orphan' || known.has(key(finding)));
}
