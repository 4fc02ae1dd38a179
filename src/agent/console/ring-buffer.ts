/** The last `capacity` bytes of a stream: what a viewer who comes later is shown first. */
export class RingBuffer {
  readonly #bytes: Buffer;
  #end = 0;
  #length = 0;

  constructor(capacityBytes: number) {
    this.#bytes = Buffer.alloc(capacityBytes);
  }

  write(chunk: Uint8Array): void {
    const capacity = this.#bytes.length;
    const tail = chunk.length > capacity ? chunk.subarray(chunk.length - capacity) : chunk;
    const first = Math.min(tail.length, capacity - this.#end);
    this.#bytes.set(tail.subarray(0, first), this.#end);
    this.#bytes.set(tail.subarray(first), 0);
    this.#end = (this.#end + tail.length) % capacity;
    this.#length = Math.min(capacity, this.#length + tail.length);
  }

  /** A copy of the content, oldest byte first. */
  read(): Buffer {
    const capacity = this.#bytes.length;
    const start = (this.#end - this.#length + capacity) % capacity;
    if (start + this.#length <= capacity) {
      return Buffer.from(this.#bytes.subarray(start, start + this.#length));
    }
    return Buffer.concat([this.#bytes.subarray(start), this.#bytes.subarray(0, this.#end)]);
  }
}
