import { formatRule } from './format-rule.ts';
import { formatDuration, formatObject, formatState } from './format-state.ts';
import { formatElement } from './format-value.ts';
import type { BaseChain, Chain, NftSet, SetType, Table } from './types.ts';

/** A table as text that `nft -f` accepts; for people, not how it gets into the kernel. */
export function formatTable(table: Table): string {
  const lines = [
    ...(table.comment === undefined ? [] : [`comment ${JSON.stringify(table.comment)}`]),
    ...(table.flags === undefined || table.flags.length === 0 ? [] : [`flags ${table.flags.join(',')}`]),
    ...(table.objects ?? []).flatMap(formatObject),
    ...table.sets.filter(({ flags }) => !flags.includes('anonymous')).flatMap(formatSet),
    ...table.chains.flatMap((chain) => formatChain(chain, table)),
  ];
  return `table ${table.family} ${table.name} {\n${indent(lines)}\n}\n`;
}

function indent(lines: readonly string[]): string {
  return lines.map((line) => `\t${line}`).join('\n');
}

function typeText(types: readonly SetType[]): string {
  return types.map((type) => (typeof type === 'string' ? type : `[type ${type.type}]`)).join(' . ');
}

function dataText(set: NftSet): string {
  const { data } = set;
  if (data === undefined) {
    return '';
  }
  if (typeof data === 'object' && 'object' in data) {
    return ` : ${data.object}`;
  }
  return ` : ${data === 'verdict' ? data : `${set.dataInterval === true ? 'interval ' : ''}${typeText(data)}`}`;
}

function formatSet(set: NftSet): string[] {
  const { data, flags } = set;
  const elements = set.elements.map((element) => formatElement(set, element));
  return [
    `${data === undefined ? 'set' : 'map'} ${set.name} {`,
    `\ttype ${typeText(set.key)}${dataText(set)}`,
    ...(set.policy === undefined ? [] : [`\tpolicy ${set.policy}`]),
    ...(set.size === undefined ? [] : [`\tsize ${set.size}`]),
    ...(flags.length === 0 ? [] : [`\tflags ${[...flags].sort().join(',')}`]),
    ...(set.timeoutMs === undefined ? [] : [`\ttimeout ${formatDuration(set.timeoutMs)}`]),
    ...(set.gcIntervalMs === undefined ? [] : [`\tgc-interval ${formatDuration(BigInt(set.gcIntervalMs))}`]),
    ...(set.comment === undefined ? [] : [`\tcomment ${JSON.stringify(set.comment)}`]),
    ...(set.expressions ?? []).map((one) => `\t${one.type === 'counter' ? 'counter' : formatState(one)}`),
    ...(elements.length === 0 ? [] : [`\telements = { ${elements.join(', ')} }`]),
    '}',
  ];
}

function devicesText({ devices = [] }: BaseChain): string {
  const names = devices.map((device) => JSON.stringify(device));
  return names.length === 0
    ? ''
    : names.length === 1
      ? ` device ${names.join()}`
      : ` devices = { ${names.join(', ')} }`;
}

function formatChain(chain: Chain, table: Table): string[] {
  const { base } = chain;
  return [
    `chain ${chain.name} {`,
    ...(chain.comment === undefined ? [] : [`\tcomment ${JSON.stringify(chain.comment)}`]),
    ...(base === undefined
      ? []
      : [
          `\ttype ${base.type} hook ${base.hook}${devicesText(base)} priority ${base.priority}; policy ${base.policy};`,
          ...(base.offload === true ? ['\tflags offload;'] : []),
        ]),
    ...chain.rules.map((rule) => `\t${formatRule(rule, table)}`),
    '}',
  ];
}
