import assert from 'node:assert/strict';
import { test } from 'node:test';
import { viewObject } from '../object-view.ts';
import { createSharedLines } from './shared-lines.ts';

const view = (name: string) => viewObject({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });

test('a line is built once for each form of an object', () => {
  const lines = createSharedLines();
  const object = view('a');
  let built = 0;
  const build = (): Buffer => Buffer.from(String((built += 1)));
  const first = lines(object, 'ADDED object', build);
  assert.equal(lines(object, 'ADDED object', build), first, 'the same buffer, so that its frame is shared too');
  assert.notEqual(lines(object, 'ADDED table', build), first);
  assert.equal(lines(object, 'ADDED object', build), first);
  assert.equal(built, 2);
});

test('another object, equal or not, has lines of its own', () => {
  const lines = createSharedLines();
  assert.equal(lines(view('a'), 'form', () => Buffer.from('1')).toString(), '1');
  assert.equal(lines(view('a'), 'form', () => Buffer.from('2')).toString(), '2');
});
