/** A pseudoterminal (pty(7), ioctl_tty(2)). */
import { closeSync, constants, openSync } from 'node:fs';
import { check, declare } from '../ffi/ffi.ts';

// Both lend the buffer for the call and do not block.
const cIoctl = declare('int ioctl(int fd, unsigned long request, void *argument)');

/** asm-generic/ioctls.h; the same on x86_64 and arm64. */
const TIOCSWINSZ = 0x5414;
const TIOCGPTN = 0x80045430;
const TIOCSPTLCK = 0x40045431;

/** Two descriptors that the caller closes; neither becomes the controlling terminal of this process. */
export interface Pseudoterminal {
  readonly master: number;
  readonly slave: number;
}

/** Throws KernelError, or the error of open(2) when /dev/ptmx cannot be opened. */
export function openPseudoterminal(): Pseudoterminal {
  const flags = constants.O_RDWR | constants.O_NOCTTY;
  const master = openSync('/dev/ptmx', flags);
  try {
    const number = Buffer.alloc(4);
    check(cIoctl(master, TIOCSPTLCK, number), 'ioctl TIOCSPTLCK', '/dev/ptmx');
    check(cIoctl(master, TIOCGPTN, number), 'ioctl TIOCGPTN', '/dev/ptmx');
    return { master, slave: openSync(`/dev/pts/${number.readUInt32LE()}`, flags) };
  } catch (error) {
    closeSync(master);
    throw error;
  }
}

/** Of the terminal at either end. Throws KernelError. */
export function setWindowSize(fd: number, size: { readonly columns: number; readonly rows: number }): void {
  const winsize = Buffer.alloc(8);
  winsize.writeUInt16LE(size.rows, 0);
  winsize.writeUInt16LE(size.columns, 2);
  check(cIoctl(fd, TIOCSWINSZ, winsize), 'ioctl TIOCSWINSZ', 'a terminal');
}
