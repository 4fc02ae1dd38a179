/** Numbers with units for people. */

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `406.4 MiB`: in the unit that says most. */
export function formatByteCount(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]}`;
}

/** `2.88 s`, `3 h 12 min`. */
export function formatMicros(micros: number): string {
  const seconds = micros / 1e6;
  if (seconds < 60) {
    return `${Number.isInteger(seconds) ? seconds : seconds.toFixed(2)} s`;
  }
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${Math.floor(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
