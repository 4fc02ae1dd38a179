/**
 * `text` without control characters, which would let whoever wrote it command the terminal (ECMA-48); those in `allowed`
 * stay. Each one taken out leaves a `?`.
 */
export function printable(text: string, allowed = ''): string {
  return text.replaceAll(/\p{Cc}/gu, (character) => (allowed.includes(character) ? character : '?'));
}
