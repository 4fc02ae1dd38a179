/** RFC 3339 in UTC with whole seconds, as Kubernetes writes metav1.Time: `2026-01-02T03:04:05Z`. Takes milliseconds or a Date. */
export function formatTime(time: number | Date = Date.now()): string {
  const second = Math.floor(Number(time) / 1000);
  if (second !== last.second) {
    last = { second, text: `${new Date(time).toISOString().slice(0, 19)}Z` };
  }
  return last.text;
}

/** Most stamps are of the second that is. */
let last = { second: NaN, text: '' };
