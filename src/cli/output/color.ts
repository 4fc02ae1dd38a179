/** Whether escape sequences may be written. NO_COLOR counts when it is set to anything but nothing (no-color.org). */
export function wantsColor(
  output: { readonly isTTY?: boolean },
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  return output.isTTY === true && (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb';
}
