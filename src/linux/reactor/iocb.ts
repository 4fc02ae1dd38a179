import { IOCB_CMD_POLL, IOCB_FLAG_RESFD, POLLIN } from './constants.ts';

/** sizeof(struct iocb) and of struct io_event (linux/aio_abi.h). */
export const IOCB_BYTES = 64;
export const IO_EVENT_BYTES = 32;

/** A struct iocb that waits until `fd` is readable and then adds one to the eventfd `notify`. Little-endian machines. */
export function encodePollRequest(request: { readonly fd: number; readonly notify: number }): Buffer {
  const buffer = Buffer.alloc(IOCB_BYTES);
  buffer.writeUInt16LE(IOCB_CMD_POLL, 16);
  buffer.writeInt32LE(request.fd, 20);
  buffer.writeBigUInt64LE(BigInt(POLLIN), 24);
  buffer.writeUInt32LE(IOCB_FLAG_RESFD, 56);
  buffer.writeInt32LE(request.notify, 60);
  return buffer;
}
