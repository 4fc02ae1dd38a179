import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLeaseBook, type Lease } from './lease-book.ts';

const lease: Lease = { interface: 'default', address: '10.0.2.2', mac: '02:00:00:00:00:09', hostname: 'a' };

test('tells of new and changed leases only', () => {
  const told: Lease[] = [];
  const book = createLeaseBook((entry) => told.push(entry));
  book.note(lease);
  book.note({ ...lease });
  book.note({ ...lease, address: 'fd10:0:2::2' });
  book.note({ ...lease, hostname: 'b' });
  book.note({ ...lease, hostname: 'b' });
  assert.deepEqual(
    told.map(({ address, hostname }) => `${address} ${hostname}`),
    ['10.0.2.2 a', 'fd10:0:2::2 a', '10.0.2.2 b'],
  );
  assert.equal(book.list().length, 2);
});

test('a guest that changes its name all the time is not told of for ever', () => {
  let told = 0;
  const book = createLeaseBook(() => (told += 1));
  for (let count = 0; count < 1000; count++) {
    book.note({ ...lease, hostname: `name-${count}` });
  }
  assert.equal(told, 32);
  assert.deepEqual(book.list(), [{ ...lease, hostname: 'name-999' }]);
});
