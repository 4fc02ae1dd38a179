/**
 * `a.?b` and `a[?b]` as calls that the parser knows: `a.OPT_FIELD("b")` and `a.OPT_INDEX(b)`. The parser of the CEL library takes
 * neither. Literals are left alone.
 */
import { MAX_EXPRESSION_DEPTH } from './cost.ts';

export const OPTIONAL_FIELD = 'OPT_FIELD';
export const OPTIONAL_INDEX = 'OPT_INDEX';

export interface Rewritten {
  readonly text: string;
  /** A place in `text` as the place in the source. */
  readonly sourceOffset: (offset: number) => number;
}

const literal =
  /[rRbB]{0,2}(?:"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?)|\/\/[^\n]*/uy;
const optionalField = /\.\s*\?\s*([A-Za-z_]\w*)/uy;
const optionalIndex = /\[\s*\?/uy;

/** undefined: brackets are nested too deep. */
export function rewriteOptionals(source: string): Rewritten | undefined {
  let text = '';
  const shifts: { readonly at: number; readonly shift: number }[] = [];
  const closers: string[] = [];
  let offset = 0;
  const put = (taken: string, given: string): void => {
    text += given;
    offset += taken.length;
    shifts.push({ at: text.length, shift: offset - text.length });
  };
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = offset;
    return pattern.exec(source);
  };
  while (offset < source.length) {
    const character = source[offset] ?? '';
    const kept = match(literal);
    if (kept !== null) {
      // Comments go: the parser does not know them.
      text += kept[0].startsWith('//') ? ' '.repeat(kept[0].length) : kept[0];
      offset += kept[0].length;
      continue;
    }
    const field = character === '.' ? match(optionalField) : null;
    const index = character === '[' && /[\w)\]"'}]\s*$/u.test(text.slice(-200)) ? match(optionalIndex) : null;
    if (field !== null) {
      put(field[0], `.${OPTIONAL_FIELD}("${field[1]}")`);
    } else if (index !== null) {
      put(index[0], `.${OPTIONAL_INDEX}(`);
      closers.push(')');
    } else if (character === ']' && closers.at(-1) === ')' && closers.pop() === ')') {
      put(character, ')');
    } else {
      if ('([{'.includes(character)) {
        closers.push('');
      } else if (')]}'.includes(character)) {
        closers.pop();
      }
      text += character;
      offset += 1;
    }
    if (closers.length > MAX_EXPRESSION_DEPTH) {
      return undefined;
    }
  }
  const sourceOffset = (at: number): number => at + (shifts.findLast((shift) => shift.at <= at)?.shift ?? 0);
  return { text, sourceOffset };
}
