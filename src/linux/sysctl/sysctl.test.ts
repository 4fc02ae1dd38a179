import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSysctl, sysctlPath } from './sysctl.ts';

void test('the first separator of a key decides, as in sysctl(8)', () => {
  assert.equal(sysctlPath('net.ipv4.ip_forward'), '/proc/sys/net/ipv4/ip_forward');
  assert.equal(sysctlPath('net/ipv4/conf/eth0.12/forwarding'), '/proc/sys/net/ipv4/conf/eth0.12/forwarding');
  assert.equal(sysctlPath('net.ipv4.conf.eth0/12.forwarding'), '/proc/sys/net/ipv4/conf/eth0.12/forwarding');
});

void test('keys that would leave /proc/sys are refused', () => {
  for (const key of [
    '',
    'net',
    'net/../../etc/passwd',
    'net//x',
    '/net/x',
    'net..x',
    'net/./x',
    'net/x\0y',
    '../etc',
  ]) {
    assert.throws(() => sysctlPath(key), { code: 'InvalidSysctlKey' }, key);
  }
});

void test('reading gives the value without newline, a missing one is ENOENT', () => {
  assert.match(readSysctl('kernel.osrelease'), /^\d+\.\d+[^\n]*$/);
  assert.throws(() => readSysctl('net.ipv4.no_such_setting'), { code: 'ENOENT', op: 'read' });
});
