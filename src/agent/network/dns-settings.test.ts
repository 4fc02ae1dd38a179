import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseResolvConf, readDnsSettings } from './dns-settings.ts';

test('reads servers and the last search line', () => {
  const text = '# x\nnameserver 192.0.2.1\nnameserver fd00::1 ; y\nsearch a.example b.example.\nsearch c.example .\n';
  assert.deepEqual(parseResolvConf(text), {
    servers: ['192.0.2.1', 'fd00::1'],
    searches: ['c.example'],
    domain: 'c.example',
  });
});

test('leaves out what a guest cannot reach', () => {
  const text =
    'nameserver 127.0.0.53\nnameserver ::1\nnameserver fe80::1%eth0\nnameserver nonsense\nnameserver 0.0.0.0\n';
  assert.deepEqual(parseResolvConf(text), { servers: [], searches: [] });
});

test('goes on to the next file when the first has only a local resolver', () => {
  const directory = mkdtempSync(join(tmpdir(), 'vmlet-dns-'));
  try {
    const [stub, upstream] = [join(directory, 'stub'), join(directory, 'upstream')];
    writeFileSync(stub, 'nameserver 127.0.0.53\nsearch example.org\n');
    writeFileSync(upstream, 'nameserver 192.0.2.7\n');
    assert.deepEqual(readDnsSettings([stub, upstream]), {
      servers: ['192.0.2.7'],
      searches: ['example.org'],
      domain: 'example.org',
    });
    assert.deepEqual(readDnsSettings([join(directory, 'none')]), { servers: [], searches: [] });
  } finally {
    rmSync(directory, { recursive: true });
  }
});
