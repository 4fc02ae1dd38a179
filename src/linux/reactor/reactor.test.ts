import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { test } from 'node:test';
import { withDeadline } from '../../base/deadline.ts';
import { Fd, openFds } from '../fd/fd.ts';
import { check, declare } from '../ffi/ffi.ts';
import { encodePollRequest } from './iocb.ts';
import { createReactor } from './reactor.ts';

const cPipe = declare('int pipe2(void *descriptors, int flags)');
const DEADLINE_MS = 5000;

function pipe(): { read: Fd; write: Fd } {
  const descriptors = Buffer.alloc(8);
  check(cPipe(descriptors, fs.constants.O_NONBLOCK), 'pipe2', 'test');
  return {
    read: new Fd(descriptors.readInt32LE(0), 'test read'),
    write: new Fd(descriptors.readInt32LE(4), 'test write'),
  };
}

void test('struct iocb asks to poll for reading and to signal the eventfd', () => {
  const bytes = encodePollRequest({ fd: 3, notify: 4 });
  assert.equal(bytes.length, 64);
  assert.equal(bytes.readUInt16LE(16), 5);
  assert.equal(bytes.readInt32LE(20), 3);
  assert.equal(bytes.readInt32LE(60), 4);
});

void test('a callback runs for each arrival and again while data is left', async () => {
  const { read, write } = pipe();
  using _read = read;
  using _write = write;
  const reactor = createReactor();
  reactor.ref();
  const done = Promise.withResolvers<void>();
  const seen: string[] = [];
  const watch = reactor.watch(read, () => {
    const byte = Buffer.alloc(1);
    fs.readSync(read.value, byte);
    seen.push(byte.toString());
    if (seen.length === 2) {
      fs.writeSync(write.value, 'c');
    }
    if (seen.length === 3) {
      done.resolve();
    }
  });
  fs.writeSync(write.value, 'ab');
  await withDeadline(done.promise, DEADLINE_MS, 'three callbacks');
  assert.deepEqual(seen, ['a', 'b', 'c']);
  watch[Symbol.dispose]();
  reactor.close();
  reactor.close();
});

void test('a thousand events, two descriptors, no completion lost', async () => {
  const a = pipe();
  const b = pipe();
  using cleanup = new DisposableStack();
  for (const fd of [a.read, a.write, b.read, b.write]) {
    cleanup.use(fd);
  }
  const reactor = createReactor();
  cleanup.defer(() => reactor.close());
  reactor.ref();
  const done = Promise.withResolvers<void>();
  let count = 0;
  const bounce = (from: Fd, to: Fd) => (): void => {
    fs.readSync(from.value, Buffer.alloc(1));
    count += 1;
    if (count === 1000) {
      done.resolve();
    } else {
      fs.writeSync(to.value, 'x');
    }
  };
  reactor.watch(a.read, bounce(a.read, b.write));
  reactor.watch(b.read, bounce(b.read, a.write));
  fs.writeSync(a.write.value, 'x');
  await withDeadline(done.promise, DEADLINE_MS, 'a thousand events');
});

void test('an error in one callback reaches onError and the others still run', async () => {
  const bad = pipe();
  const good = pipe();
  using cleanup = new DisposableStack();
  for (const fd of [bad.read, bad.write, good.read, good.write]) {
    cleanup.use(fd);
  }
  const errors: unknown[] = [];
  const done = Promise.withResolvers<void>();
  const reactor = createReactor({ onError: (error) => errors.push(error) });
  cleanup.defer(() => reactor.close());
  reactor.ref();
  reactor.watch(bad.read, () => {
    fs.readSync(bad.read.value, Buffer.alloc(1));
    throw new Error('from the callback');
  });
  reactor.watch(good.read, () => {
    fs.readSync(good.read.value, Buffer.alloc(1));
    done.resolve();
  });
  fs.writeSync(bad.write.value, 'x');
  fs.writeSync(good.write.value, 'x');
  await withDeadline(done.promise, DEADLINE_MS, 'the good callback');
  assert.match(String(errors[0]), /from the callback/);
});

void test('a disposed watch is silent and its number can be watched again', async () => {
  const { read, write } = pipe();
  using _read = read;
  using _write = write;
  const reactor = createReactor();
  reactor.ref();
  const first = reactor.watch(read, () => assert.fail('disposed'));
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  const done = Promise.withResolvers<void>();
  reactor.watch(read, () => {
    fs.readSync(read.value, Buffer.alloc(1));
    done.resolve();
  });
  fs.writeSync(write.value, 'x');
  await withDeadline(done.promise, DEADLINE_MS, 'second watch');
  reactor.close();
});

void test('a descriptor closed before its watch is disposed does no harm', () => {
  const { read, write } = pipe();
  using _write = write;
  const reactor = createReactor();
  const watch = reactor.watch(read, () => assert.fail('closed'));
  read.close();
  watch[Symbol.dispose]();
  reactor.close();
});

void test('an idle reactor neither keeps the process alive nor delays its exit', async () => {
  const program = `
    import { createReactor } from ${JSON.stringify(new URL('./reactor.ts', import.meta.url).href)};
    import { Fd } from ${JSON.stringify(new URL('../fd/fd.ts', import.meta.url).href)};
    const reactor = createReactor();
    reactor.watch(new Fd(0, 'never readable'), () => {});
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  const code = await withDeadline(
    new Promise((resolve) => child.once('exit', resolve)),
    DEADLINE_MS,
    'the child to leave',
  ).finally(() => child.kill('SIGKILL'));
  assert.equal(code, 0);
});

void test('nothing stays open', () => {
  assert.deepEqual(
    openFds().filter((label) => label.startsWith('reactor')),
    [],
  );
});
