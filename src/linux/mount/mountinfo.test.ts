import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { DecodeError } from '../../base/errors.ts';
import { attributeWords, encodeMountAttributes } from './attributes.ts';
import { findMountAt, findMountsBeneath, parseMountinfo, propagationOf } from './mountinfo.ts';
import { findMountApiObstacle } from './probe.ts';

const text = `27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
30 27 0:27 / /dev/shm rw,relatime shared:2 master:3 - tmpfs tmpfs rw,size=4k
42 27 254:0 /lib/a\\040b /mnt/a\\040b\\134\\011 ro - ext4 /dev/vda rw
43 42 0:4 net:[4026532177] /mnt/a\\040b\\134\\011 rw - nsfs nsfs rw
50 27 0:50 / /mnt/x rw - fuse.s3 # rw
`;

void test('a table with optional fields, escapes and stacked mounts', () => {
  const mounts = parseMountinfo(text);
  assert.equal(mounts.length, 5);
  assert.deepEqual(mounts[1], {
    id: 30,
    parentId: 27,
    device: '0:27',
    root: '/',
    mountPoint: '/dev/shm',
    options: ['rw', 'relatime'],
    propagation: ['shared:2', 'master:3'],
    type: 'tmpfs',
    source: 'tmpfs',
    superOptions: ['rw', 'size=4k'],
  });
  assert.equal(mounts[2]?.root, '/lib/a b');
  assert.equal(findMountAt(mounts, '/mnt/a b\\\t')?.type, 'nsfs');
  assert.equal(findMountAt(mounts, '/mnt'), undefined);
  assert.deepEqual(
    findMountsBeneath(mounts, '/mnt').map((mount) => mount.id),
    [50, 43, 42],
  );
  assert.equal(findMountsBeneath(mounts, '/').length, 5);
});

void test('any text gives entries or a DecodeError; any cut of a real table too', () => {
  const attempt = (input: string): void => {
    try {
      parseMountinfo(input);
    } catch (error) {
      assert.ok(error instanceof DecodeError);
    }
  };
  for (let end = 0; end <= text.length; end += 1) {
    attempt(text.slice(0, end));
  }
  fc.assert(fc.property(fc.string(), attempt));
});

void test('struct mount_attr is four words', () => {
  assert.equal(
    encodeMountAttributes({ set: 7, clear: 1, propagation: 1 << 18 }).toString('hex'),
    '0700000000000000010000000000000000000400000000000000000000000000',
  );
});

void test('only what is named is set or cleared, and access times as one field', () => {
  assert.deepEqual(attributeWords({ readOnly: true, noExec: false, propagation: 'slave' }), {
    set: 1,
    clear: 8,
    propagation: 1 << 19,
  });
  assert.deepEqual(attributeWords({ accessTimes: 'relative' }), { set: 0, clear: 0x70, propagation: 0 });
  assert.deepEqual(attributeWords({ accessTimes: 'never' }), { set: 0x10, clear: 0x70, propagation: 0 });
});

void test('propagation by its tags; unknown ones are passed over', () => {
  const [first, second] = parseMountinfo(
    '1 0 0:1 / / rw shared:7 propagate_from:2 later:x - t s rw\n2 1 0:1 / /a rw master:3 unbindable - t s rw\n',
  );
  assert.ok(first !== undefined && second !== undefined);
  assert.deepEqual(propagationOf(first), { shared: 7, master: undefined, propagateFrom: 2, unbindable: false });
  assert.deepEqual(propagationOf(second), { shared: undefined, master: 3, propagateFrom: undefined, unbindable: true });
});

void test('the probe answers for this kernel', () => {
  assert.equal(findMountApiObstacle(), undefined);
});
