import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeKubeconfig } from './kubeconfig.ts';
import { createCertificates } from './pki.ts';

await test('certificates are made once, kept private, and made anew when a name is missing', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vmlet-pki-'));
  try {
    const first = await createCertificates({ directory });
    assert.deepEqual(await createCertificates({ directory }), first);
    const server = new X509Certificate(first.server.cert);
    assert.ok(server.verify(new X509Certificate(first.ca.cert).publicKey));
    assert.equal(server.checkIP('127.0.0.1'), '127.0.0.1');
    assert.equal(server.checkHost('localhost'), 'localhost');
    assert.match(new X509Certificate(first.client.cert).subject, /CN=vmlet-admin\nO=system:masters/);
    for (const name of ['ca', 'server', 'client']) {
      assert.equal(statSync(join(directory, `${name}.key`)).mode & 0o777, 0o600);
    }
    const second = await createCertificates({ directory, extraNames: ['vm.example', '10.0.0.7'] });
    assert.equal(second.ca.cert, first.ca.cert);
    assert.equal(second.client.cert, first.client.cert);
    assert.equal(new X509Certificate(second.server.cert).checkHost('vm.example'), 'vm.example');
    assert.equal(new X509Certificate(second.server.cert).checkIP('10.0.0.7'), '10.0.0.7');
    const path = join(directory, 'kubeconfig');
    writeKubeconfig(path, { server: 'https://127.0.0.1:1', ca: first.ca.cert, ...first.client });
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(JSON.parse(readFileSync(path, 'utf8'))['current-context'], 'vmlet');
  } finally {
    rmSync(directory, { recursive: true });
  }
});
