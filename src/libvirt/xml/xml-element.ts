/** XML as plain data, and its text. Nothing that is not XML text can get into the output. */
import { EncodeError } from '../xdr/xdr.ts';

export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  /** Text or elements, not both. */
  readonly children: string | readonly XmlElement[];
}

type AttributeValue = string | number | bigint;
/** undefined leaves the attribute out; booleans become libvirt's `yes` and `no`. */
export type Attributes = Readonly<Record<string, AttributeValue | boolean | undefined>>;
/** undefined and false are skipped, so that conditions can stand in a list. */
export type Children = string | readonly (XmlElement | undefined | false)[];

const namePattern = /^[A-Za-z_][A-Za-z0-9_.-]*(:[A-Za-z_][A-Za-z0-9_.-]*)?$/;

/** One element. Names come from code, never from input; they are checked all the same. */
export function element(name: string, attributes: Attributes = {}, children: Children = []): XmlElement {
  const kept: Record<string, AttributeValue> = {};
  for (const [key, value] of Object.entries({ [name]: undefined, ...attributes })) {
    if (!namePattern.test(key)) {
      throw new EncodeError(`"${key}" is not an XML name`);
    }
    if (value !== undefined) {
      kept[key] = typeof value === 'boolean' ? (value ? 'yes' : 'no') : value;
    }
  }
  return {
    name,
    attributes: kept,
    children:
      typeof children === 'string'
        ? children
        : children.filter((child): child is XmlElement => child !== undefined && child !== false),
  };
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/**
 * Refuses what XML 1.0 cannot carry and every control character besides: none has a place in a domain's values, and a
 * line break could mean something to whoever gets the value after libvirt.
 */
const refused = /[\p{Cc}\p{Cs}\u2028\u2029\ufffe\uffff]/u;

function escape(value: AttributeValue): string {
  const text = String(value);
  const bad = refused.exec(text);
  if (bad !== null) {
    const code = (text.codePointAt(bad.index) ?? 0).toString(16).padStart(4, '0');
    throw new EncodeError(`character U+${code} is not allowed in ${JSON.stringify(text.slice(0, 80))}`);
  }
  return text.replace(/[&<>"']/g, (character) => escapes[character] ?? character);
}

/** Text with two-space indentation and a final line break. The same element always gives the same text. */
export function formatXml(root: XmlElement): string {
  const lines: string[] = [];
  append(lines, root, '');
  return `${lines.join('\n')}\n`;
}

function append(lines: string[], node: XmlElement, indent: string): void {
  const attributes = Object.entries(node.attributes)
    .map(([name, value]) => ` ${name}="${escape(value)}"`)
    .join('');
  if (typeof node.children === 'string') {
    lines.push(`${indent}<${node.name}${attributes}>${escape(node.children)}</${node.name}>`);
  } else if (node.children.length === 0) {
    lines.push(`${indent}<${node.name}${attributes}/>`);
  } else {
    lines.push(`${indent}<${node.name}${attributes}>`);
    for (const child of node.children) {
      append(lines, child, `${indent}  `);
    }
    lines.push(`${indent}</${node.name}>`);
  }
}
