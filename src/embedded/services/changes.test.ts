import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { tablesEqual } from '../../linux/nftables/compare.ts';
import type { Table } from '../../linux/nftables/types.ts';
import { type ServicePort, withoutTaken } from './backends.ts';
import { partialTables } from './changes.ts';
import { describeTableOp, planServiceTable, type TableOp } from './plan.ts';
import { type DataPlaneSettings, serviceTable } from './table.ts';

const settings: DataPlaneSettings = { table: 'x-services', bridge: 'x', podNetworks: ['10.1.0.0/24', 'fd00::/64'] };
const ref = { family: 'inet', name: settings.table } as const;

/** What the kernel does with a plan. */
function carryOut(table: Table, ops: readonly TableOp[]): Table {
  const chains = new Map(table.chains.map((chain) => [chain.name, chain]));
  const sets = new Map(table.sets.map((set) => [set.name, set]));
  const chainOf = (name: string) => chains.get(name) ?? assert.fail(`no chain ${name}`);
  const setOf = (name: string) => sets.get(name) ?? assert.fail(`no set ${name}`);
  for (const op of ops) {
    switch (op.kind) {
      case 'add-chain':
        assert.ok(!chains.has(op.chain));
        chains.set(op.chain, { name: op.chain, rules: [] });
        break;
      case 'flush-chain':
        chains.set(op.chain, { ...chainOf(op.chain), rules: [] });
        break;
      case 'add-rules':
        assert.deepEqual(chainOf(op.chain.name).rules, []);
        chains.set(op.chain.name, { ...chainOf(op.chain.name), rules: op.chain.rules });
        break;
      case 'delete-chain':
        assert.deepEqual(chainOf(op.chain).rules, []);
        chains.delete(op.chain);
        break;
      case 'add-set':
        assert.ok(!sets.has(op.set.name));
        sets.set(op.set.name, op.set);
        break;
      case 'delete-set':
        assert.ok(sets.delete(op.set));
        break;
      case 'add-elements': {
        const set = setOf(op.set.name);
        const there = new Set(set.elements.map(({ key }) => key));
        assert.ok(
          op.elements.every(({ key }) => !there.has(key)),
          `${op.set.name} has it already`,
        );
        sets.set(set.name, { ...set, elements: [...set.elements, ...op.elements] });
        break;
      }
      case 'delete-elements': {
        const set = setOf(op.set.name);
        const gone = new Set(op.elements.map(({ key }) => key));
        const left = set.elements.filter(({ key }) => !gone.has(key));
        assert.equal(left.length, set.elements.length - gone.size, `${op.set.name} has it not`);
        sets.set(set.name, { ...set, elements: left });
        break;
      }
      default:
        assert.fail(`${op.kind} is no part of a change`);
    }
  }
  return { ...table, chains: [...chains.values()], sets: [...sets.values()] };
}

/** Few values, so that ports often share what they can share. */
const anyPort: fc.Arbitrary<ServicePort> = fc
  .record({
    isV6: fc.boolean(),
    number: fc.nat(4),
    nodePort: fc.option(fc.constantFrom(30_001, 30_002), { nil: undefined }),
    affinitySeconds: fc.option(fc.constant(60), { nil: undefined, freq: 4 }),
    backends: fc.uniqueArray(fc.constantFrom(2, 3, 4, 200, 201), { maxLength: 3 }),
    protocol: fc.constantFrom('tcp' as const, 'udp' as const),
  })
  .map(({ isV6, number, backends, ...rest }) => ({
    ...rest,
    name: `ns/s${number}:80`,
    family: isV6 ? ('IPv6' as const) : ('IPv4' as const),
    address: isV6 ? `fd96::${number + 1}` : `10.96.0.${number + 1}`,
    port: 80,
    // From 200 on they are no pods.
    backends: backends
      .toSorted((a, b) => a - b)
      .map((last) => ({
        address: isV6 ? `${last < 200 ? 'fd00' : 'fdff'}::${last}` : `10.${last < 200 ? 1 : 9}.0.${last}`,
        port: 8080,
      })),
  }));

const sorted = (ports: readonly ServicePort[]): ServicePort[] =>
  withoutTaken(ports.toSorted((a, b) => (a.name < b.name ? -1 : 1)));

test('a plan of what changed does what a plan of everything does', () => {
  let partial = 0;
  fc.assert(
    fc.property(
      fc.array(anyPort, { minLength: 1, maxLength: 8 }),
      fc.array(anyPort, { maxLength: 3 }),
      fc.nat(3),
      (old, fresh, dropped) => {
        const before = sorted(old);
        const after = sorted([...before.slice(dropped), ...fresh]);
        const tables = partialTables(settings, before, after);
        if (tables === undefined) {
          return;
        }
        partial++;
        const [whole, wanted] = [serviceTable(settings, before), serviceTable(settings, after)];
        assert.ok(whole !== undefined && wanted !== undefined);
        const ops = planServiceTable(ref, tables.after, tables.before);
        assert.ok(tablesEqual(carryOut(whole, ops), wanted), ops.map(describeTableOp).join(', '));
      },
    ),
    { numRuns: 2000 },
  );
  assert.ok(partial > 200, `only ${partial} of 2000 had a plan of their own`);
});

test('what ports share, and a family that comes or goes, is seen by whole tables alone', () => {
  const port = (more: Partial<ServicePort>): ServicePort => ({
    name: 'ns/a:80',
    family: 'IPv4',
    protocol: 'tcp',
    address: '10.96.0.1',
    port: 80,
    nodePort: undefined,
    affinitySeconds: undefined,
    backends: [{ address: '10.1.0.2', port: 8080 }],
    ...more,
  });
  const one = port({});
  const other = port({ name: 'ns/b:80', address: '10.96.0.2' });
  assert.deepEqual(
    planServiceTable(ref, partialTables(settings, [one], [one])?.after, undefined)[0]?.kind,
    'create-table',
  );
  assert.ok(partialTables(settings, [one], [one, other]));
  assert.equal(partialTables(settings, [], [one]), undefined);
  assert.equal(partialTables(settings, [one], []), undefined);
  assert.equal(
    partialTables(settings, [one], [one, port({ family: 'IPv6', address: 'fd96::1', backends: [] })]),
    undefined,
  );
  const outside = [{ address: '192.0.2.1', port: 8080 }];
  for (const shared of [{ nodePort: 30_001 }, { backends: outside }]) {
    const [kept, gone] = [port(shared), port({ ...shared, name: 'ns/b:80', address: '10.96.0.2' })];
    assert.equal(partialTables(settings, [kept, gone], [kept]), undefined);
    assert.ok(partialTables(settings, [one, gone], [one]));
  }
});
