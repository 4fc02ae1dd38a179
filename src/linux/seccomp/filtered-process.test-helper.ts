/**
 * Program of the kernel test: puts a filter on its main thread, tries calls, and waits. Arguments: filters in hex, the first one installed first. Writes
 * one JSON line with the errno of each call tried (0 for success) and ends when its input closes.
 */
import fs from 'node:fs';
import { addressOf, check, declare, errno } from '../ffi/ffi.ts';

const PR_SET_NO_NEW_PRIVS = 38;
const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_FILTER = 2;
const AF_UNIX = 1;
const AF_INET = 2;

const cPrctl = declare('int prctl(int option, unsigned long a, void *b, unsigned long c, unsigned long d)');
const cSocket = declare('int socket(int domain, int type, int protocol)');
const cMkdir = declare('int mkdir(const char *path, unsigned int mode)');
const cGetppid = declare('int getppid()');

check(cPrctl(PR_SET_NO_NEW_PRIVS, 1, null, 0, 0), 'PR_SET_NO_NEW_PRIVS', 'this process');
for (const hex of process.argv.slice(2)) {
  const filter = Buffer.from(hex, 'hex');
  // struct sock_fprog: u16 len, then the address at byte 8.
  const program = Buffer.alloc(16);
  program.writeUInt16LE(filter.length / 8, 0);
  program.writeBigUInt64LE(addressOf(filter), 8);
  check(cPrctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0), 'PR_SET_SECCOMP', 'this process');
}
const outcome = (result: number): number => (result < 0 ? errno() : 0);
const tried = {
  socketUnix: outcome(cSocket(AF_UNIX, 1, 0)),
  socketInet: outcome(cSocket(AF_INET, 1, 0)),
  mkdir: outcome(cMkdir('/proc/self/not-allowed', 0o700)),
  getppid: outcome(cGetppid()),
};
fs.writeSync(1, `${JSON.stringify(tried)}\n`);
process.stdin.on('end', () => process.exit(0));
process.stdin.resume();
