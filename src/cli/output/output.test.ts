import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import type { KubeObject } from '../../apimachinery/object.ts';
import { conflict, notFound, unauthorized, unknownPath } from '../../apimachinery/status.ts';
import { VmletError } from '../../base/errors.ts';
import type { Io } from '../command.ts';
import { wantsColor } from './color.ts';
import { errorText } from './error-text.ts';
import { printObjects, type TableColumns } from './print-objects.ts';
import { formatAge, formatTable } from './table.ts';

test('columns are as wide as their widest cell; empty ones are <none>', () => {
  assert.equal(
    formatTable(
      ['NAME', 'IP', 'AGE'],
      [
        ['a-long-name', '', '5s'],
        ['b', '10.0.0.1'],
      ],
    ),
    'NAME          IP         AGE\na-long-name   <none>     5s\nb             10.0.0.1   <none>\n',
  );
  assert.equal(formatTable(['NAME'], []), 'NAME\n');
});

test('what the API tells cannot command the terminal', () => {
  assert.equal(formatTable(['NAME'], [['a\u001b[2Jb\nc\u009b']]), 'NAME\na?[2Jb?c?\n');
  assert.equal(errorText(new VmletError('X', 'one\u001b]0;x\u0007\ntwo\n')), 'one?]0;x?\ntwo');
});

test('colours only on a terminal that has them, and never with NO_COLOR', () => {
  assert.equal(wantsColor({ isTTY: true }, {}), true);
  assert.equal(wantsColor({}, {}), false);
  assert.equal(wantsColor({ isTTY: true }, { NO_COLOR: '1' }), false);
  assert.equal(wantsColor({ isTTY: true }, { NO_COLOR: '' }), true);
  assert.equal(wantsColor({ isTTY: true }, { TERM: 'dumb' }), false);
});

test('age in the unit that says most', () => {
  const now = Date.parse('2026-01-10T00:00:00Z');
  const ages = [
    ['2026-01-10T00:00:05Z', '0s'],
    ['2026-01-09T23:58:01Z', '119s'],
    ['2026-01-09T23:58:00Z', '2m'],
    ['2026-01-09T22:00:01Z', '119m'],
    ['2026-01-09T22:00:00Z', '2h'],
    ['2026-01-08T00:00:01Z', '47h'],
    ['2026-01-08T00:00:00Z', '2d'],
    [undefined, '<unknown>'],
    ['yesterday', '<unknown>'],
  ] as const;
  for (const [timestamp, age] of ages) {
    assert.equal(formatAge(timestamp, now), age, timestamp);
  }
});

test('objects in every format', async () => {
  const columns: TableColumns<KubeObject> = {
    header: ['NAME'],
    wideHeader: ['KIND'],
    row: (object) => [object.metadata.name],
    wideRow: (object) => [object.kind],
  };
  const objects = ['a', 'b'].map((name) => ({
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { name },
  }));
  const print = async (format: string | undefined): Promise<string> => {
    let printed = '';
    const signal = new AbortController().signal;
    const io: Io = { out: (text) => (printed += text), err: () => assert.fail(), signal, color: false };
    await printObjects(io, objects, format, columns);
    return printed;
  };
  assert.equal(await print(undefined), 'NAME\na\nb\n');
  assert.equal(await print('wide'), 'NAME   KIND\na      VirtualMachine\nb      VirtualMachine\n');
  assert.equal(await print('name'), 'virtualmachine.kubevirt.io/a\nvirtualmachine.kubevirt.io/b\n');
  const list = { apiVersion: 'v1', kind: 'List', metadata: { resourceVersion: '' }, items: objects };
  assert.deepEqual(JSON.parse(await print('json')), list);
  assert.deepEqual(parse(await print('yaml')), list);
});

test("the API's errors say what to do where their own words do not", () => {
  const vm = { group: 'kubevirt.io', resource: 'virtualmachines' };
  assert.equal(errorText(notFound(vm, 'web')), 'virtualmachines.kubevirt.io "web" not found');
  assert.equal(errorText(conflict(vm, 'web', 'VM is already running')).split('\n').length, 1);
  assert.match(errorText(unauthorized()), /does not accept the credentials of the kubeconfig/);
  assert.match(errorText(unknownPath()), /does this API server know kubevirt\.io\/v1\?/);
  assert.equal(errorText('plain'), 'plain');
  assert.equal(errorText(new Error('x'.repeat(10_000))).length, 4096);
});
