/** Bounds on a YAML text, told from its tokens: composing a document of many aliases or of great depth costs seconds. */
import { CST, Lexer } from 'yaml';
import { badRequest, tooLarge } from '../../apimachinery/status.ts';
import { limits } from './limits.ts';

const maxAliases = 100;
/** Of the whole text. */
const maxMembers = 50_000;

/** Throws BadRequest for more than 100 aliases, and for flow collections nested deeper than JSON may be. */
export function requireBoundedYaml(text: string): void {
  let aliases = 0;
  let depth = 0;
  let members = 0;
  for (const token of new Lexer().lex(text)) {
    switch (CST.tokenType(token)) {
      case 'alias':
        aliases += 1;
        if (aliases > maxAliases) {
          throw badRequest(`the object provided has more than ${maxAliases} YAML aliases`);
        }
        break;
      case 'map-value-ind':
        members += 1;
        if (members > maxMembers) {
          throw tooLarge(`the object provided has more than ${maxMembers} members`);
        }
        break;
      case 'flow-map-start':
      case 'flow-seq-start':
        depth += 1;
        if (depth > limits.jsonDepth) {
          throw badRequest(`the object provided is nested deeper than ${limits.jsonDepth} levels`);
        }
        break;
      case 'flow-map-end':
      case 'flow-seq-end':
        depth -= 1;
        break;
      default:
    }
  }
}
