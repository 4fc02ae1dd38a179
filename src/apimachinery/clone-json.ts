/** A copy of parsed JSON, at a fraction of what structuredClone takes, which looks for much that JSON cannot hold. */
export function cloneJson<T>(value: T): T {
  return cloneValue(value) as T;
}

function cloneValue(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  if (Array.isArray(value)) {
    return value.map(cloneValue);
  }
  const copy: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    copy[name] = cloneValue((value as Record<string, unknown>)[name]);
  }
  return copy;
}
