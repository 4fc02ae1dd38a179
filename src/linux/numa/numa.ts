/** NUMA nodes and CPU topology (Documentation/ABI/stable/sysfs-devices-node, sysfs-devices-system-cpu). */
import { DecodeError } from '../../base/errors.ts';
import { ATTRIBUTE_BYTES_MAX, findAttribute, listEntries, parseInteger, readAttribute } from '../sysfs/attribute.ts';
import type { KernelRoots } from '../sysfs/roots.ts';
import { parseCpuList } from './cpu-list.ts';
import type { CpuSets, CpuTopology, NumaNode } from './types.ts';

/** A list of 8192 single CPUs is longer than a page. */
const CPU_LIST_BYTES_MAX = 64 * 1024;
const LOCAL_DISTANCE = 10;

/**
 * Online nodes, ascending. A kernel without NUMA is one node 0 with all CPUs and the memory of /proc/meminfo, so that
 * callers need no second way.
 */
export function readNumaNodes(roots: KernelRoots): NumaNode[] {
  const directory = `${roots.sysfs}/devices/system/node`;
  const online = findAttribute(`${directory}/online`, CPU_LIST_BYTES_MAX);
  if (online === undefined) {
    const memory = parseMeminfo(readAttribute(`${roots.procfs}/meminfo`, 65_536));
    return [{ id: 0, cpus: readCpuSets(roots).online, ...memory, distances: [LOCAL_DISTANCE] }];
  }
  return parseCpuList(online).map((id) => {
    const node = `${directory}/node${id}`;
    const memory = parseMeminfo(readAttribute(`${node}/meminfo`, ATTRIBUTE_BYTES_MAX * 4));
    return {
      id,
      cpus: parseCpuList(readAttribute(`${node}/cpulist`, CPU_LIST_BYTES_MAX)),
      ...memory,
      distances: parseDistances(readAttribute(`${node}/distance`)),
    };
  });
}

/** Topology of every online CPU, ascending. */
export function readCpuTopology(roots: KernelRoots): CpuTopology[] {
  const { online } = readCpuSets(roots);
  return online.map((cpu) => {
    const directory = `${roots.sysfs}/devices/system/cpu/cpu${cpu}`;
    const number = (name: string): number | undefined => {
      const text = findAttribute(`${directory}/topology/${name}`);
      return text === undefined ? undefined : parseInteger(text, `${name} of cpu${cpu}`);
    };
    const siblings =
      findAttribute(`${directory}/topology/core_cpus_list`, CPU_LIST_BYTES_MAX) ??
      findAttribute(`${directory}/topology/thread_siblings_list`, CPU_LIST_BYTES_MAX);
    const node = listEntries(directory).find((name) => /^node\d{1,5}$/.test(name));
    return {
      cpu,
      // -1 means that the firmware did not say (arm64); one package then.
      packageId: Math.max(number('physical_package_id') ?? 0, 0),
      dieId: Math.max(number('die_id') ?? 0, 0),
      coreId: number('core_id') ?? cpu,
      threadSiblings: siblings === undefined ? [cpu] : parseCpuList(siblings),
      node: node === undefined ? undefined : Number(node.slice('node'.length)),
    };
  });
}

/** Which CPUs exist, run, and are kept free. */
export function readCpuSets(roots: KernelRoots): CpuSets {
  const list = (name: string): number[] => {
    const text = findAttribute(`${roots.sysfs}/devices/system/cpu/${name}`, CPU_LIST_BYTES_MAX)?.trim() ?? '';
    // nohz_full reads "  (null)" on kernels that have the option and do not use it.
    return parseCpuList(text === '(null)' ? '' : text);
  };
  const online = list('online');
  const present = list('present');
  return {
    present,
    online,
    offline: present.filter((cpu) => !online.includes(cpu)),
    isolated: list('isolated'),
    nohzFull: list('nohz_full'),
  };
}

/** Total and free memory of /proc/meminfo (`MemTotal:`) or a node's meminfo (`Node 0 MemTotal:`). Throws DecodeError. */
export function parseMeminfo(text: string): { readonly memoryBytes: bigint; readonly freeBytes: bigint } {
  const field = (name: string): bigint => {
    const match = new RegExp(`^(?:Node \\d+ )?${name}:\\s+(\\d{1,15}) kB$`, 'm').exec(text);
    if (match?.[1] === undefined) {
      throw new DecodeError(`meminfo has no ${name}`);
    }
    return BigInt(match[1]) * 1024n;
  };
  return { memoryBytes: field('MemTotal'), freeBytes: field('MemFree') };
}

/** `10 21 31`. Throws DecodeError. */
export function parseDistances(text: string): number[] {
  return text
    .trim()
    .split(/\s+/)
    .map((part) => parseInteger(part, 'a NUMA distance'));
}
