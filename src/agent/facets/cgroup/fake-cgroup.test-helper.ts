/** A v1 or v2 control group in memory, that knows nothing of operations: it takes writes to files. */
import assert from 'node:assert/strict';
import type { FakeKernel } from '../testing/laws.ts';
import type { CgroupObserved, CgroupOp, CgroupPlace, StrayProcess } from './model.ts';

export interface FakeCgroupState {
  readonly values: Record<string, string>;
  readonly rules: readonly string[];
  /** pid -> directories of the sandbox that it is not in. */
  readonly strays: Readonly<Record<number, readonly string[]>>;
}

const everything = 'a *:* rwm';

export class FakeCgroup implements FakeKernel<CgroupObserved, CgroupOp> {
  readonly #places: readonly CgroupPlace[];
  readonly #state: FakeCgroupState;
  #rules: readonly string[];
  #strays: Record<number, readonly string[]>;

  constructor(places: readonly CgroupPlace[], state: FakeCgroupState) {
    this.#places = places;
    this.#state = { ...state, values: { ...state.values } };
    this.#rules = state.rules;
    this.#strays = { ...state.strays };
  }

  clone(): FakeCgroup {
    return new FakeCgroup(this.#places, this.#now());
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
    const isV2 = this.#places[0]?.kind === 'v2';
    const limit = (text: string | undefined): number | 'max' | undefined =>
      text === undefined ? undefined : text === 'max' || text === '-1' ? 'max' : Number(text);
    const [quota, period] = isV2
      ? (values['cpu.max'] ?? 'max 100000').split(' ')
      : [values['cpu.cfs_quota_us'], values['cpu.cfs_period_us']];
    return {
      memoryMaxBytes: limit(values['memory.max'] ?? values['memory.limit_in_bytes']),
      cpuShares: isV2 ? undefined : Number(values['cpu.shares']),
      cpuWeight: isV2 ? Number(values['cpu.weight']) : undefined,
      cpuQuotaMicros: limit(quota),
      cpuPeriodMicros: Number(period),
      pidsMax: limit(values['pids.max']),
      deviceRules: this.#rules,
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
    for (const { file, text } of op.writes) {
      const place = this.#places.find(({ directory }) => file.startsWith(`${directory}/`));
      assert.ok(place !== undefined, `${file} is not the sandbox's`);
      this.#write(place, file.slice(place.directory.length + 1), text);
    }
  }

  #write({ directory }: CgroupPlace, name: string, text: string): void {
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
