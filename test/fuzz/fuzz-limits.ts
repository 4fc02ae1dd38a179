/** Bytes before the message in the memory that a fuzzing thread shares with its watcher: three words. */
export const PROGRESS_HEADER_BYTES = 12;
/** A message that takes longer, also in processor time when it is tried again, is a finding. */
export const MESSAGE_LIMIT_MS = 250;
/** More growth from a tenth of the way to the end is a finding. */
export const RSS_GROWTH_MAX_BYTES = 256 * 1024 * 1024;
/** Then a target is given up. */
export const FINDINGS_MAX = 5;
