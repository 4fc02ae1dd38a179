/**
 * The guest's serial console. QEMU offers one connection on its unix socket; the agent holds it, keeps the last output
 * and gives any number of viewers a live copy. What viewers type is sent to the guest in the order it comes.
 * The guest is not trusted: its output is only copied, a viewer that does not read is cut, nothing grows without limit.
 */
import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import { RingBuffer } from './ring-buffer.ts';

const scrollbackBytes = 64 * 1024;
/** Output that a viewer may have unread before it is cut off. */
const viewerBacklogBytesMax = 1024 * 1024;
const viewersMax = 16;
/** Far above what an emulated serial port gives; a QEMU in the guest's hands could otherwise keep the agent busy with reading. */
const bytesPerWindowMax = 1024 * 1024;
const windowMs = 200;

export class SerialConsole {
  readonly #scrollback = new RingBuffer(scrollbackBytes);
  readonly #viewers = new Set<Viewer>();
  #guest: Socket | undefined;

  /** Takes over the connection to QEMU's socket; an earlier one is dropped. */
  attach(guest: Socket): void {
    this.#guest?.destroy();
    this.#guest = guest;
    let windowStartMs = 0;
    let bytes = 0;
    guest.on('data', (chunk: Buffer) => {
      if (Date.now() - windowStartMs >= windowMs) {
        windowStartMs = Date.now();
        bytes = 0;
      }
      bytes += chunk.length;
      if (bytes >= bytesPerWindowMax && !guest.isPaused()) {
        guest.pause();
        setTimeout(() => guest.resume(), windowMs).unref();
      }
      this.#publish(chunk);
    });
    const lost = (): void => {
      if (this.#guest === guest) {
        this.#guest = undefined;
      }
    };
    guest.once('close', lost);
    guest.on('error', lost);
  }

  get attached(): boolean {
    return this.#guest !== undefined;
  }

  /** The last output, at most 64 KiB. */
  scrollback(): Buffer {
    return this.#scrollback.read();
  }

  /** A new viewer: reads the scrollback and then live output, writes go to the guest. Undefined when too many look. */
  view(): Duplex | undefined {
    if (this.#viewers.size >= viewersMax) {
      return undefined;
    }
    const viewer = new Viewer(
      (chunk, done) => this.#send(chunk, done),
      () => this.#viewers.delete(viewer),
    );
    this.#viewers.add(viewer);
    viewer.push(this.#scrollback.read());
    return viewer;
  }

  close(): void {
    this.#guest?.destroy();
    this.#guest = undefined;
    for (const viewer of this.#viewers) {
      viewer.push(null);
    }
  }

  #publish(chunk: Buffer): void {
    this.#scrollback.write(chunk);
    for (const viewer of this.#viewers) {
      if (viewer.readableLength > viewerBacklogBytesMax) {
        viewer.destroy();
      } else {
        viewer.push(chunk);
      }
    }
  }

  #send(chunk: Buffer, done: () => void): void {
    if (this.#guest === undefined || this.#guest.destroyed) {
      // Nobody is at the other end: what is typed is lost, as on an unplugged serial line.
      done();
    } else if (this.#guest.write(chunk)) {
      done();
    } else {
      const guest = this.#guest;
      const go = (): void => {
        guest.off('drain', go);
        guest.off('close', go);
        done();
      };
      guest.on('drain', go);
      guest.on('close', go);
    }
  }
}

class Viewer extends Duplex {
  readonly #send: (chunk: Buffer, done: () => void) => void;
  readonly #gone: () => void;

  constructor(send: (chunk: Buffer, done: () => void) => void, gone: () => void) {
    super({ allowHalfOpen: false });
    this.#send = send;
    this.#gone = gone;
  }

  override _read(): void {
    // Output is pushed when the guest writes it.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.#send(chunk, callback);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#gone();
    callback(error);
  }
}
