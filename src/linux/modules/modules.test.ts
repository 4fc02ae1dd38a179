import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import zlib from 'node:zlib';
import * as fc from 'fast-check';
import { writeTree } from '../sysfs/tree.test-helper.ts';
import { fuzzTargets } from './fuzz.ts';
import { findModule, formatParameters, loadModule, readModuleParameters, unpack } from './modules.ts';
import { moduleName, parseBuiltinModules, parseLoadedModules, parseModuleDependencies, planLoad } from './parse.ts';

const RELEASE = '6.1.0-37-amd64';
const procModules =
  'vfio_pci 16384 1 - Live 0xffffffffc0b10000 (E)\n' +
  'vfio_pci_core 94208 1 vfio_pci, Live 0xffffffffc0aed000\n' +
  'irqbypass 12288 2 vfio_pci_core,kvm, Live 0x0000000000000000\n' +
  'nft_compat 20480 0 [permanent], Loading 0x0000000000000000 (OE)\n' +
  'nounload 20480 - - Live 0x0000000000000000\n';
const modulesDep =
  'kernel/drivers/vfio/pci/vfio-pci.ko: kernel/drivers/vfio/pci/vfio-pci-core.ko kernel/drivers/vfio/vfio.ko kernel/virt/lib/irqbypass.ko\n' +
  'kernel/drivers/vfio/pci/vfio-pci-core.ko: kernel/drivers/vfio/vfio.ko kernel/virt/lib/irqbypass.ko\n' +
  'kernel/drivers/vfio/vfio.ko:\n' +
  'kernel/virt/lib/irqbypass.ko:\n' +
  'kernel/drivers/net/tun.ko.xz:\n';

void test('/proc/modules', () => {
  const [vfio, core, irq, nft, nounload] = parseLoadedModules(procModules);
  assert.deepEqual(vfio, { name: 'vfio_pci', bytes: 16_384, users: 1, usedBy: [], state: 'live', taints: 'E' });
  assert.deepEqual(core?.usedBy, ['vfio_pci']);
  assert.deepEqual(irq?.usedBy, ['vfio_pci_core', 'kvm']);
  assert.deepEqual([nft?.state, nft?.usedBy, nft?.taints], ['loading', [], 'OE']);
  assert.equal(nounload?.users, undefined);
  assert.throws(() => parseLoadedModules('vfio_pci 1\n'), { code: 'Decode' });
});

void test('dependencies are loaded first, and what is there is left out', () => {
  const index = parseModuleDependencies(modulesDep);
  assert.deepEqual(planLoad('vfio-pci', index, new Set(['irqbypass'])), [
    'kernel/drivers/vfio/vfio.ko',
    'kernel/drivers/vfio/pci/vfio-pci-core.ko',
    'kernel/drivers/vfio/pci/vfio-pci.ko',
  ]);
  assert.equal(planLoad('nothing', index, new Set()), undefined);
  assert.deepEqual([...parseBuiltinModules('kernel/net/tun.ko\nkernel/fs/ext4/ext4.ko\n')], ['tun', 'ext4']);
  assert.equal(moduleName('/a/vfio-pci.ko.zst'), 'vfio_pci');
});

void test('where a module is, and its parameters', () => {
  using cleanup = new DisposableStack();
  const roots = writeTree(cleanup, {
    'proc/modules': procModules,
    [`modules/${RELEASE}/modules.dep`]: modulesDep,
    [`modules/${RELEASE}/modules.builtin`]: 'kernel/net/bridge/bridge.ko\n',
    'sys/module/vfio_pci/parameters/disable_vga': 'N\n',
    'sys/module/vfio_pci/parameters/ids': '\n',
    'sys/module/kvm/parameters/ignore_msrs': 'Y\n',
  });
  assert.equal(findModule(roots, 'vfio-pci', RELEASE), 'loaded');
  assert.equal(findModule(roots, 'bridge', RELEASE), 'builtin');
  assert.equal(findModule(roots, 'kvm', RELEASE), 'builtin');
  assert.equal(findModule(roots, 'tun', RELEASE), 'available');
  assert.equal(findModule(roots, 'nft_compat', RELEASE), 'absent');
  assert.deepEqual(readModuleParameters(roots, 'vfio-pci'), { disable_vga: 'N', ids: '' });
  assert.deepEqual(readModuleParameters(roots, 'none'), {});
});

void test('what cannot be loaded says why', () => {
  using cleanup = new DisposableStack();
  const roots = writeTree(cleanup, { [`modules/${RELEASE}/modules.dep`]: modulesDep });
  const release = RELEASE;
  assert.throws(() => loadModule(roots, 'nothing', { release }), { code: 'Unsupported', message: /nothing is not in/ });
  assert.throws(() => loadModule(roots, 'tun', { release }), {
    code: 'Unsupported',
    message: /tun\.ko\.xz (cannot be unpacked|needs xz)/,
  });
  assert.throws(() => loadModule(roots, '../x', { release }), { code: 'InvalidModuleName' });
});

void test('gzip and zstd are unpacked, damaged files named', () => {
  using cleanup = new DisposableStack();
  const { modules } = writeTree(cleanup, {});
  const image = Buffer.from('\x7fELF module');
  fs.writeFileSync(path.join(modules, 'a.ko.gz'), zlib.gzipSync(image));
  fs.writeFileSync(path.join(modules, 'a.ko.zst'), zlib.zstdCompressSync(image));
  fs.writeFileSync(path.join(modules, 'b.ko.zst'), 'not zstd');
  assert.deepEqual(unpack(path.join(modules, 'a.ko.gz')), image);
  assert.deepEqual(unpack(path.join(modules, 'a.ko.zst')), image);
  assert.throws(() => unpack(path.join(modules, 'b.ko.zst')), { code: 'Unsupported', message: /b\.ko\.zst/ });
});

void test('xz is unpacked by xz(1), and a damaged file or one that is no form of compression is named', (t) => {
  using cleanup = new DisposableStack();
  const { modules } = writeTree(cleanup, {});
  const file = (name: string, bytes: string | Buffer): string => {
    fs.writeFileSync(path.join(modules, name), bytes);
    return path.join(modules, name);
  };
  assert.throws(() => unpack(file('c.ko.lz4', 'lz4')), { code: 'Unsupported', message: /c\.ko\.lz4.*modprobe c/ });
  assert.throws(() => unpack(file('d.ko.xz', 'not xz')), { code: 'Unsupported', message: /d\.ko\.xz/ });
  const { stdout, error } = spawnSync('xz', ['-c'], { input: '\x7fELF module', timeout: 10_000 });
  if (error !== undefined) {
    t.skip(`xz(1) cannot be run: ${error.message}`);
    return;
  }
  assert.equal(unpack(file('e.ko.xz', stdout)).toString('latin1'), '\x7fELF module');
});

void test('parameters cannot smuggle others in', () => {
  assert.equal(formatParameters({ ids: '10de:1db6,8086:1572', note: 'a b' }), 'ids=10de:1db6,8086:1572 note="a b"');
  assert.throws(() => formatParameters({ ids: 'a" other="b' }), { code: 'InvalidModuleParameter' });
  assert.throws(() => formatParameters({ 'a b': '1' }), { code: 'InvalidModuleParameter' });
});

void test('arbitrary text is a value or a DecodeError', () => {
  for (const target of fuzzTargets) {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          target.decode(Buffer.from(bytes));
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'Decode');
        }
      }),
    );
  }
});
