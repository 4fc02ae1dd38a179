import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { DecodeError } from '../../base/errors.ts';
import { openFds } from '../fd/fd.ts';
import { decodeIpv6, decodeSocketAddress, encodeIpv6, encodeSocketAddress } from './address.ts';
import { encodeIcmp6Filter } from './datagram.ts';
import { decodeControlMessages } from './message.ts';
import { connectUnix, connectUnixBeneath } from './unix.ts';

void test('IPv6 text forms of RFC 5952', () => {
  const cases = {
    '::': '::',
    '::1': '::1',
    'fe80::1': 'fe80::1',
    '2001:DB8:0:0:1:0:0:1': '2001:db8::1:0:0:1',
    '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
    '::ffff:10.0.2.1': '::ffff:a00:201',
    'ff02::1:2': 'ff02::1:2',
    '1::': '1::',
  };
  for (const [input, expected] of Object.entries(cases)) {
    assert.equal(decodeIpv6(encodeIpv6(input)), expected);
  }
});

void test('any 16 bytes survive the text form, any address its struct', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      assert.deepEqual(encodeIpv6(decodeIpv6(Buffer.from(bytes))), Buffer.from(bytes));
    }),
  );
  fc.assert(
    fc.property(fc.ipV6(), fc.nat(0xffff), fc.nat(0xffff_ffff), (address, port, scopeId) => {
      const canonical = decodeIpv6(encodeIpv6(address));
      const value = { family: 'ipv6', address: canonical, port, scopeId } as const;
      assert.deepEqual(decodeSocketAddress(encodeSocketAddress(value)), value);
    }),
  );
  const v4 = { family: 'ipv4', address: '10.0.2.255', port: 68 } as const;
  assert.deepEqual(decodeSocketAddress(encodeSocketAddress(v4)), v4);
});

void test('random bytes give an address or a DecodeError, and control data never throws', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      decodeControlMessages(Buffer.from(bytes));
      try {
        decodeSocketAddress(Buffer.from(bytes));
      } catch (error) {
        assert.ok(error instanceof DecodeError);
      }
    }),
  );
});

void test('the ICMPv6 filter blocks all but the named types', () => {
  const filter = encodeIcmp6Filter([133, 255]);
  assert.equal(filter.readUInt32LE(16), 0xffff_ffdf);
  assert.equal(filter.readUInt32LE(28), 0x7fff_ffff);
  assert.equal(filter.readUInt32LE(0), 0xffff_ffff);
});

async function listen(cleanup: AsyncDisposableStack, deep: boolean): Promise<{ directory: string; file: string }> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-socket-'));
  cleanup.defer(() => fs.rmSync(directory, { recursive: true }));
  const file = deep ? path.join(directory, 'd'.repeat(100), 'e'.repeat(60), 'sock') : path.join(directory, 'sock');
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const server = net.createServer((socket) => socket.end('hello'));
  // Node would cut a long path short, so listen through the directory's descriptor.
  const parent = fs.openSync(path.dirname(file), 'r');
  server.listen(`/proc/self/fd/${parent}/sock`);
  await once(server, 'listening');
  cleanup.defer(async () => {
    server.close();
    await once(server, 'close');
    fs.closeSync(parent);
  });
  return { directory, file };
}

void test('connects to a path longer than sun_path and knows the peer', async () => {
  await using cleanup = new AsyncDisposableStack();
  const { directory, file } = await listen(cleanup, true);
  assert.ok(file.length > 108);
  const before = openFds().length;
  const { socket, peer } = await connectUnix(file);
  assert.deepEqual(peer, { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() });
  const [data] = (await once(socket, 'data')) as [Buffer];
  assert.equal(data.toString(), 'hello');
  socket.destroy();
  const again = await connectUnixBeneath(directory, path.relative(directory, file));
  again.socket.destroy();
  assert.equal(openFds().length, before);
});

void test('links, escapes, plain files and dead sockets are refused', async () => {
  await using cleanup = new AsyncDisposableStack();
  const { directory } = await listen(cleanup, false);
  fs.symlinkSync('sock', path.join(directory, 'link'));
  fs.mkdirSync(path.join(directory, 'inner'));
  fs.symlinkSync('..', path.join(directory, 'inner', 'up'));
  fs.writeFileSync(path.join(directory, 'plain'), '');
  await assert.rejects(connectUnix(path.join(directory, 'link')), { code: 'ELOOP' });
  await assert.rejects(connectUnixBeneath(directory, 'inner/up/sock'), { code: 'ELOOP' });
  await assert.rejects(connectUnixBeneath(path.join(directory, 'inner'), '../sock'), { code: 'EXDEV' });
  await assert.rejects(connectUnix(path.join(directory, 'plain')), { code: 'ECONNREFUSED' });
  await assert.rejects(connectUnix(path.join(directory, 'missing')), { code: 'ENOENT' });
});
