/** A v1 or v2 control group in memory, that knows nothing of operations: it takes writes to files. */
import assert from 'node:assert/strict';
import type { FakeKernel } from '../testing/laws.ts';
import type { ManagedCgroup } from '../../../linux/cgroup/manager.ts';
import type { CgroupObserved, CgroupOp, StrayProcess } from './model.ts';
import { placeDirectory, writesOf } from './writes.ts';

export interface FakeCgroupState {
  readonly values: Record<string, string>;
  readonly rules: readonly string[];
  /** pid -> directories of the sandbox that it is not in. */
  readonly strays: Readonly<Record<number, readonly string[]>>;
}

const everything = 'a *:* rwm';

export class FakeCgroup implements FakeKernel<CgroupObserved, CgroupOp> {
  readonly #cgroup: ManagedCgroup;
  readonly #state: FakeCgroupState;
  #rules: readonly string[];
  #strays: Record<number, readonly string[]>;

  constructor(cgroup: ManagedCgroup, state: FakeCgroupState) {
    this.#cgroup = cgroup;
    this.#state = { ...state, values: { ...state.values } };
    this.#rules = state.rules;
    this.#strays = { ...state.strays };
  }

  clone(): FakeCgroup {
    return new FakeCgroup(this.#cgroup, this.#now());
  }

  state(): unknown {
    const { values, rules, strays } = this.#now();
    return { values, rules: rules.toSorted(), strays };
  }

  foreign(): unknown {
    return this.#state.values['foreign'];
  }

  observe(): CgroupObserved {
    const { values } = this.#state;
    const isV2 = this.#cgroup.places[0]?.hierarchy.kind === 'v2';
    const bytes = (name: string): bigint | 'max' =>
      ['max', '-1', undefined].includes(values[name]) ? 'max' : BigInt(values[name] ?? 0);
    const [quota = '', period = ''] = isV2
      ? (values['cpu.max'] ?? '').split(' ')
      : [values['cpu.cfs_quota_us'], values['cpu.cfs_period_us']];
    const both = bytes('memory.memsw.limit_in_bytes');
    const memory = bytes(isV2 ? 'memory.max' : 'memory.limit_in_bytes');
    return {
      settings: {
        memoryMaxBytes: memory,
        swapMaxBytes: isV2 ? bytes('memory.swap.max') : both === 'max' || memory === 'max' ? both : both - memory,
        ...(isV2 ? {} : { cpuShares: Number(values['cpu.shares']) }),
        cpuMax: {
          quotaMicros: ['max', '-1'].includes(quota) ? 'max' : Number(quota),
          periodMicros: Number(period),
        },
        pidsMax: values['pids.max'] === 'max' ? 'max' : Number(values['pids.max']),
      },
      cpuWeight: isV2 ? Number(values['cpu.weight']) : undefined,
      devices: { rules: this.#rules, programs: [] },
      strays: Object.entries(this.#strays)
        .filter(([, missing]) => missing.length > 0)
        .map(([pid, missing]): StrayProcess => ({
          pid: Number(pid),
          startTicks: 1,
          command: 'qemu',
          from: '/other',
          missing,
        })),
    };
  }

  apply(op: CgroupOp): void {
    if (op.kind === 'replace-devices') {
      this.#rules = op.rules;
    }
    for (const { file, text } of writesOf(op)) {
      const directory = this.#cgroup.places.map(placeDirectory).find((own) => file.startsWith(`${own}/`));
      assert.ok(directory !== undefined, `${file} is not the sandbox's`);
      this.#write(directory, file.slice(directory.length + 1), text);
    }
  }

  #write(directory: string, name: string, text: string): void {
    switch (name) {
      case 'devices.deny':
        this.#rules = text === 'a' ? [] : this.#rules.filter((rule) => numberOf(rule) !== numberOf(text));
        break;
      case 'devices.allow':
        assert.ok(!this.#rules.includes(everything), 'a rule beside "everything" is lost');
        this.#rules = [...this.#rules.filter((rule) => numberOf(rule) !== numberOf(text)), text];
        break;
      case 'cgroup.procs':
        this.#strays[Number(text)] = (this.#strays[Number(text)] ?? []).filter((missing) => missing !== directory);
        break;
      case 'memory.limit_in_bytes':
      case 'memory.memsw.limit_in_bytes':
      case 'memory.max': {
        const pageBytes = 4096;
        const bytes = Number(text);
        this.#set(name, bytes > 0 ? String(Math.floor(bytes / pageBytes) * pageBytes) : text);
        break;
      }
      default:
        this.#set(name, text);
    }
  }

  #set(name: string, text: string): void {
    assert.ok(name in this.#state.values, `there is no file ${name}`);
    this.#state.values[name] = text;
  }

  #now(): FakeCgroupState {
    return { values: { ...this.#state.values }, rules: this.#rules, strays: { ...this.#strays } };
  }
}

function numberOf(rule: string): string {
  return rule.slice(0, rule.lastIndexOf(' '));
}
