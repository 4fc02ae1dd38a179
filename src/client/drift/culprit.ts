/** Who made a change, as far as the kernel told. */
export interface Culprit {
  /** As the host counts. */
  readonly processId: number;
  /** The command's name, at most 15 bytes; undefined when the process had ended before it could be asked. */
  readonly name: string | undefined;
}

/** `nft (pid 4711)`, for an Event. */
export function formatCulprit({ processId, name }: Culprit): string {
  return name === undefined ? `pid ${processId} (ended since)` : `${name} (pid ${processId})`;
}
