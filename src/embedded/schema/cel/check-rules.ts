/** What is wrong with the rules of a schema: told to the author of a definition. Texts as kube-apiserver's. */
import { invalidField, notSupportedField, requiredField } from '../../../apimachinery/field-error.ts';
import type { FieldError } from '../../../apimachinery/field-error.ts';
import { MAX_ERRORS } from '../validation.ts';
import type { SchemaNode } from '../schema-node.ts';
import { compiledRules, normalizeFieldPath, rulesOf } from './compile-rules.ts';
import type { CompiledRule } from './compile-rules.ts';

const reasons: readonly string[] = [
  'FieldValueRequired',
  'FieldValueInvalid',
  'FieldValueForbidden',
  'FieldValueDuplicate',
];

/** `path` is that of the schema: `spec.validation.openAPIV3Schema`. At most 100 errors. */
export function checkRules(root: SchemaNode, path: string): FieldError[] {
  const errors: FieldError[] = [];

  /** `loose`: the path of the list or map whose items cannot be told from one another after a change. */
  function walk(node: SchemaNode, at: string, loose: string | undefined): void {
    if (!node.hasRules || errors.length >= MAX_ERRORS) {
      return;
    }
    if (rulesOf(node).length > 0) {
      for (const [index, compiled] of compiledRules(node).entries()) {
        errors.push(...ruleErrors(compiled, node, { at: `${at}.x-kubernetes-validations[${index}]`, loose }));
      }
    }
    const { schema } = node;
    const inMap = schema['x-kubernetes-map-type'] === 'atomic' ? at : undefined;
    for (const [name, property] of node.properties) {
      walk(property, `${at}.properties[${name}]`, loose ?? inMap);
    }
    if (typeof node.additional === 'object') {
      walk(node.additional, `${at}.additionalProperties`, loose ?? inMap);
    }
    if (node.items !== undefined) {
      walk(node.items, `${at}.items`, loose ?? (schema['x-kubernetes-list-type'] === 'map' ? undefined : at));
    }
  }

  walk(root, path, undefined);
  return errors.slice(0, MAX_ERRORS);
}

function ruleErrors(
  compiled: CompiledRule,
  node: SchemaNode,
  { at, loose }: { readonly at: string; readonly loose: string | undefined },
): FieldError[] {
  const { rule } = compiled;
  const { message = '', messageExpression, reason, fieldPath } = rule;
  if (rule.rule.trim() === '') {
    return [requiredField(`${at}.rule`, 'rule is not specified')];
  }
  const errors: FieldError[] = [];
  if (message !== '' && message.trim() === '') {
    errors.push(invalidField(`${at}.message`, message, 'message must be non-empty if specified'));
  } else if (message.trim().includes('\n')) {
    errors.push(invalidField(`${at}.message`, message, 'message must not contain line breaks'));
  } else if (message === '' && rule.rule.trim().includes('\n')) {
    errors.push(requiredField(`${at}.message`, 'message must be specified if rule contains line breaks'));
  }
  if (messageExpression !== undefined && messageExpression !== '' && messageExpression.trim() === '') {
    errors.push(requiredField(`${at}.messageExpression`, 'messageExpression must be non-empty if specified'));
  }
  const { problem } = normalizeFieldPath(fieldPath, node);
  if (problem !== undefined) {
    errors.push(invalidField(`${at}.fieldPath`, fieldPath, `fieldPath must be a valid path: ${problem}`));
  }
  if (reason !== undefined && !reasons.includes(reason)) {
    errors.push(notSupportedField(`${at}.reason`, reason, reasons));
  }
  if (compiled.error !== undefined) {
    errors.push(invalidField(`${at}.rule`, rule, compiled.error));
  } else if (compiled.isTransition && loose !== undefined && rule.optionalOldSelf !== true) {
    const text = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${loose}`;
    errors.push(invalidField(`${at}.rule`, rule.rule, text));
  }
  if (compiled.messageError !== undefined) {
    errors.push(invalidField(`${at}.messageExpression`, rule, compiled.messageError));
  }
  return errors;
}
