import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { withDeadline } from '../../base/deadline.ts';
import { openFds } from '../fd/fd.ts';
import {
  createPinnedNetworkNamespace,
  inNetworkNamespace,
  openNamespace,
  removePinnedNamespace,
} from '../namespace/namespace.ts';
import { createReactor } from '../reactor/reactor.ts';
import type { Reactor } from '../reactor/reactor.ts';
import { createFileWatcher, watchFiles } from './watch-files.ts';
import type { FileChange, FileWatcherOptions } from './watch-files.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const DEADLINE_MS = 5000;

/** Collects changes and waits for one. */
function collector(): {
  readonly seen: FileChange[];
  readonly onChange: (change: FileChange) => void;
  readonly until: (matches: (change: FileChange) => boolean) => Promise<FileChange>;
} {
  const seen: FileChange[] = [];
  let wake = Promise.withResolvers<void>();
  return {
    seen,
    onChange(change) {
      seen.push(change);
      wake.resolve();
      wake = Promise.withResolvers();
    },
    async until(matches) {
      for (;;) {
        const found = seen.find(matches);
        if (found !== undefined) {
          return found;
        }
        await withDeadline(wake.promise, DEADLINE_MS, `another change than ${JSON.stringify(seen)}`);
      }
    },
  };
}

function reactorFor(cleanup: DisposableStack): Reactor {
  const reactor = createReactor();
  reactor.ref();
  cleanup.defer(() => reactor.close());
  return reactor;
}

/** Writes as somebody else, gives the writer's pid. */
async function writeElsewhere(file: string, value: string, prefix: readonly string[] = []): Promise<number> {
  const command = [...prefix, 'sh', '-c', 'printf %s "$1" > "$0"', file, value];
  const child = spawn(command[0] ?? '', command.slice(1), { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await withDeadline(once(child, 'exit'), DEADLINE_MS, 'the writer to end')) as unknown[];
  assert.equal(code, 0);
  return child.pid ?? 0;
}

/** A new cgroup of whichever hierarchies this host has, with a file whose writing does nothing. */
function makeCgroups(cleanup: DisposableStack): { readonly directory: string; readonly file: string }[] {
  const roots = [
    ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'],
    ['/sys/fs/cgroup/unified', 'cgroup.max.depth'],
    ['/sys/fs/cgroup', 'cgroup.max.depth'],
  ] as const;
  return roots.flatMap(([root, name]) => {
    if (!fs.existsSync(`${root}/cgroup.procs`)) {
      return [];
    }
    const directory = `${root}/vmlet-fanotify-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
    fs.mkdirSync(directory);
    cleanup.defer(() => {
      if (fs.existsSync(directory)) {
        fs.rmdirSync(directory);
      }
    });
    return [{ directory, file: `${directory}/${name}` }];
  });
}

void test(
  'the writer of a cgroup limit is named, for each hierarchy; our own writes are not told',
  { skip },
  async (t) => {
    using cleanup = new DisposableStack();
    const cgroups = makeCgroups(cleanup);
    if (cgroups.length === 0) {
      t.skip('no cgroup can be made here');
      return;
    }
    const before = openFds().length;
    const reactor = reactorFor(cleanup);
    const started = openFds().length;
    const { seen, onChange, until } = collector();
    {
      using _watch = watchFiles({ reactor, paths: cgroups.map(({ file }) => file), onChange });
      for (const { file } of cgroups) {
        const value = fs.readFileSync(file, 'utf8').trim();
        fs.writeFileSync(file, value);
        const processId = await writeElsewhere(file, value);
        assert.deepEqual(await until((change) => change.path === file), { path: file, file, processId });
      }
      assert.equal(seen.length, cgroups.length);
    }
    assert.equal(openFds().length, started);
    reactor.close();
    assert.ok(openFds().length < before + 1);
  },
);

void test('a directory tells of its files; a watched cgroup can still be removed', { skip }, async (t) => {
  using cleanup = new DisposableStack();
  const [cgroup] = makeCgroups(cleanup);
  if (cgroup === undefined) {
    t.skip('no cgroup can be made here');
    return;
  }
  const watcher = createFileWatcher({ reactor: reactorFor(cleanup), ignoredProcessIds: [] });
  cleanup.defer(() => watcher.close());
  const { seen, onChange, until } = collector();
  const watch = watcher.watch(cgroup.directory, onChange);
  const value = fs.readFileSync(cgroup.file, 'utf8').trim();
  const processId = await writeElsewhere(cgroup.file, value);
  assert.deepEqual(await until(() => true), { path: cgroup.directory, file: cgroup.file, processId });
  // The event's file can no longer be opened when it is read: then we are told to look again.
  seen.length = 0;
  fs.writeFileSync(cgroup.file, value);
  fs.rmdirSync(cgroup.directory);
  assert.deepEqual(await until(() => true), { path: cgroup.directory, file: undefined, processId: undefined });
  watch[Symbol.dispose]();
  watch[Symbol.dispose]();
});

void test('settings of one network namespace are told apart from those of another', { skip }, async () => {
  using cleanup = new DisposableStack();
  const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-fanotify-'));
  cleanup.defer(() => fs.rmSync(temporary, { recursive: true }));
  const pinned = [path.join(temporary, 'a'), path.join(temporary, 'b')];
  for (const file of pinned) {
    createPinnedNetworkNamespace(file);
    cleanup.defer(() => removePinnedNamespace(file));
  }
  const watcher = createFileWatcher({ reactor: reactorFor(cleanup) });
  cleanup.defer(() => watcher.close());
  const directory = '/proc/sys/net/ipv4/conf/lo';
  const collected = pinned.map((file) => {
    const { seen, onChange, until } = collector();
    using namespace = openNamespace(file, 'net');
    inNetworkNamespace(namespace, () => {
      watcher.watch(directory, onChange);
      watcher.watch('/proc/sys/net/ipv4/ip_default_ttl', onChange);
    });
    return { seen, until };
  });
  const [first, second] = collected;
  assert.ok(first !== undefined && second !== undefined);
  const enter = ['nsenter', `--net=${pinned[1]}`];
  // nsenter executes the shell in its own place, so the pid stays.
  const one = await writeElsewhere(`${directory}/rp_filter`, '2', enter);
  assert.equal((await second.until((change) => change.path === directory)).processId, one);
  const two = await writeElsewhere('/proc/sys/net/ipv4/ip_default_ttl', '61', enter);
  assert.equal((await second.until((change) => change.path !== directory)).processId, two);
  assert.deepEqual(first.seen, []);
});

void test('too many events at once: every file is to be looked at again', { skip }, async (t) => {
  using cleanup = new DisposableStack();
  const temporary = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-fanotify-')));
  cleanup.defer(() => fs.rmSync(temporary, { recursive: true }));
  const files = Array.from({ length: 12 }, (_, index) => path.join(temporary, String(index)));
  for (const file of files) {
    fs.writeFileSync(file, '');
  }
  const setting = '/proc/sys/fs/fanotify/max_queued_events';
  if (!fs.existsSync(setting)) {
    t.skip('this kernel has a fixed queue');
    return;
  }
  const reactor = reactorFor(cleanup);
  const usual = fs.readFileSync(setting, 'utf8');
  // A group takes the value of when it is made.
  fs.writeFileSync(setting, '4');
  const watcher = ((): ReturnType<typeof createFileWatcher> => {
    try {
      return createFileWatcher({ reactor, ignoredProcessIds: [] });
    } finally {
      fs.writeFileSync(setting, usual);
    }
  })();
  cleanup.defer(() => watcher.close());
  const { onChange, until } = collector();
  for (const file of files) {
    watcher.watch(file, onChange);
  }
  for (const file of files) {
    fs.writeFileSync(file, 'x');
  }
  await until((change) => change.path === files.at(-1) && change.processId === undefined);
  await until((change) => change.path === files[0] && change.processId === process.pid);
});

void test('without fanotify changes are told without the writer', { skip }, async () => {
  using cleanup = new DisposableStack();
  const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-fanotify-'));
  cleanup.defer(() => fs.rmSync(temporary, { recursive: true }));
  const file = path.join(temporary, 'file');
  fs.writeFileSync(file, '');
  const { onChange, until } = collector();
  const options: FileWatcherOptions = { reactor: reactorFor(cleanup), forceInotify: true };
  using _watch = watchFiles({ ...options, paths: [temporary, file], onChange });
  await writeElsewhere(file, 'x');
  assert.deepEqual(await until((change) => change.path === file), { path: file, file, processId: undefined });
  await until((change) => change.path === temporary && change.file === file);
});

void test('what is not there cannot be watched, and nothing stays open', { skip }, () => {
  using cleanup = new DisposableStack();
  const reactor = reactorFor(cleanup);
  const before = openFds().length;
  assert.throws(() => watchFiles({ reactor, paths: ['/proc/sys/net/no_such'], onChange: () => {} }), {
    code: 'ENOENT',
  });
  const watcher = createFileWatcher({ reactor });
  watcher.watch('/proc/sys/net/ipv4', () => {});
  assert.throws(() => watcher.watch('/proc/sys/net/ipv4', () => {}), { code: 'Assertion' });
  watcher.close();
  assert.equal(openFds().length, before);
});
