/** Whatever an expression says, and whatever it is asked about, there is an answer before long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { VmletError } from '../../../base/errors.ts';
import { compileStructuralSchema } from '../structural-schema.ts';
import { CALL_LIMIT, metered } from './cost.ts';
import { compile, convertUntyped } from './engine.ts';
import { simple } from './types.ts';

/** Far above what the cost limit allows on a slow machine. */
const longestMs = 20_000;
const scope = new Map([['self', simple.dyn]]);

function outcome(source: string, self: unknown): 'value' | 'error' | 'exhausted' {
  const startMs = performance.now();
  try {
    const program = compile(source, scope);
    const value = convertUntyped(self);
    const { exhausted } = metered(CALL_LIMIT, () => {
      try {
        return program.evaluate({ self: value });
      } catch (error) {
        assert.ok(error instanceof VmletError, String(error));
        return undefined;
      }
    });
    return exhausted ? 'exhausted' : 'value';
  } catch (error) {
    assert.ok(error instanceof VmletError, String(error));
    return 'error';
  } finally {
    const took = performance.now() - startMs;
    assert.ok(took < longestMs, `${source.slice(0, 200)} took ${took} ms`);
  }
}

const leaf = fc.constantFrom(
  'self',
  '1',
  "'a'",
  'true',
  '[1, 2]',
  "{'k': 1}",
  'self.list',
  'self.text',
  'x',
  '0.5',
  'null',
);
const expression = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    leaf,
    fc
      .tuple(
        fc.constantFrom('+', '*', '==', '<', '&&', '||', 'in', '-', '/', '%'),
        tie('expression'),
        tie('expression'),
      )
      .map(([operator, left, right]) => `(${left} ${operator} ${right})`),
    fc
      .tuple(fc.constantFrom('map', 'filter', 'all', 'exists', 'exists_one'), tie('expression'), tie('expression'))
      .map(([macro, list, body]) => `${list}.${macro}(x, ${body})`),
    fc
      .tuple(fc.constantFrom('size', 'string', 'int', 'type', 'quantity', 'ip', 'url'), tie('expression'))
      .map(([name, argument]) => `${name}(${argument})`),
    fc
      .tuple(
        tie('expression'),
        fc.constantFrom('split', 'matches', 'find', 'join', 'contains', 'OPT_FIELD', 'optMap'),
        tie('expression'),
      )
      .map(([target, name, argument]) => `${target}.${name}(${argument})`),
    fc.tuple(tie('expression'), tie('expression'), tie('expression')).map(([a, b, c]) => `${a}.replace(${b}, ${c})`),
    fc.tuple(tie('expression'), tie('expression')).map(([list, index]) => `${list}[${index}]`),
    tie('expression').map((target) => `${target}.?list`),
  ),
})).expression;

test('made-up expressions on large values', () => {
  const self = { list: Array.from({ length: 2000 }, (_, index) => index), text: 'a'.repeat(20_000) };
  fc.assert(
    fc.property(expression, (source) => {
      outcome(source, self);
    }),
    { numRuns: 300 },
  );
});

test('any text is an expression or an error', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200, unit: 'grapheme' }), (source) => {
      outcome(source, {});
    }),
    { numRuns: 1000 },
  );
});

const large = { list: Array.from({ length: 20_000 }, (_, index) => index), text: 'a'.repeat(1_000_000) };
const hostile: Readonly<Record<string, string>> = {
  'loops in loops': 'self.list.all(x, self.list.all(y, self.list.all(z, x + y + z >= 0)))',
  'a search in each turn': 'self.list.all(x, x in self.list)',
  'lists of lists compared': 'self.list.map(x, self.list) == self.list.map(x, self.list)',
  'a text that grows by itself': "self.text.replace('a', self.text).replace('a', self.text).size() > 0",
  'a text joined many times': 'self.list.map(x, self.text).join(self.text).size() > 0',
  'an expression that backtracks': "self.text.matches('(a|aa)+$') && self.text.matches('(a*)*b')",
  'a search that backtracks': "('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!').find('^(a+)+$') == ''",
  'many searches that backtrack': "self.list.all(x, ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!').find('^(a+)+$') == '')",
  'deep brackets': `${'('.repeat(5000)}1${')'.repeat(5000)}`,
  'deep lists': `${'['.repeat(5000)}1${']'.repeat(5000)}`,
  'many dots': `self${'.a'.repeat(5000)}`,
  'many signs': `${'-'.repeat(5000)}1`,
  'many exclamation marks': `${'!'.repeat(5000)}true`,
  'a long sum': Array.from({ length: 4000 }, () => '1').join('+'),
  long: `'${'a'.repeat(100_000)}' == ''`,
  'sorting and summing in each turn': 'self.list.all(x, self.list.isSorted() && self.list.sum() > 0)',
  'lists added in each turn': 'self.list.all(x, (self.list + self.list).size() > 0)',
  'matches in each turn': "self.list.all(x, self.text.matches('(a|aa)+$'))",
  'sizes of a text in each turn': 'self.list.all(x, self.text.size() > 0)',
  'parts of a text in each turn': "self.list.all(x, self.text.substring(1).indexOf('b') < 0)",
  'an expression that is large when written out': "self.text.matches('((a{100}){100}){100}')",
  'a wide number': "'%.1000000000f'.format([1.0]).size() > 0",
  'many texts formatted': "self.list.all(x, '%s%s'.format([self.text, self.text]).size() > 0)",
  'sets in each turn': 'sets.equivalent(self.list, self.list)',
};
for (const [name, source] of Object.entries(hostile)) {
  test(`hostile: ${name}`, () => {
    outcome(source, large);
  });
}

test('a loop without end is told, and the rules after it are not asked', () => {
  const item = { type: 'integer' } as const;
  const rule = 'self.all(x, self.all(y, self.all(z, x + y + z >= 0)))';
  const schema = compileStructuralSchema({
    type: 'object',
    properties: {
      list: { type: 'array', items: item, 'x-kubernetes-validations': [{ rule }, { rule: 'false' }] },
    },
  });
  const { errors = [] } = schema.validateRules?.({ list: large.list }, undefined) ?? {};
  assert.deepEqual(
    errors.map(({ detail }) => detail),
    [
      `'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to call cost exceeds limit for rule: ${rule}`,
    ],
  );
});
