/**
 * Schemas of kinds at work: defaults, removal of unknown fields, validation. One compiled schema serves all objects of a
 * kind; nothing in it changes after compilation.
 */
import type { FieldError } from '../../apimachinery/field-error.ts';
import { checkRules } from './cel/check-rules.ts';
import { validateRules } from './cel/validate-rules.ts';
import type { RuleOutcome } from './cel/validate-rules.ts';
import { applyDefaults } from './defaulting.ts';
import type { JsonSchema } from './json-schema.ts';
import { prune } from './pruning.ts';
import { compileNodes } from './schema-node.ts';
import type { SchemaNode } from './schema-node.ts';
import { MAX_ERRORS, validate } from './validation.ts';

export interface CompiledSchema {
  readonly root: SchemaNode;
  /** Fills in defaults, in place; drops nulls that are not allowed. */
  applyDefaults(object: unknown): void;
  /** Removes unknown fields, in place. Returns their paths: `spec.volumes[0].nmae`. */
  prune(object: unknown): string[];
  /** All faults, at most 100; paths and texts as kube-apiserver gives them for a custom resource. */
  validate(object: unknown): FieldError[];
  /** Asks the CEL rules about an object that `validate` finds nothing wrong with; `old` is undefined for a new one. Absent without rules. */
  readonly validateRules?: (object: unknown, old: unknown) => RuleOutcome;
  /** What is wrong with the rules themselves; `path` is where the schema is. Absent without rules. */
  readonly checkRules?: (path: string) => FieldError[];
}

/** Throws DecodeError for a schema that is malformed or too large. */
export function compileStructuralSchema(openAPIV3Schema: JsonSchema): CompiledSchema {
  const root = compileNodes(openAPIV3Schema);
  return {
    root,
    ...(root.hasRules && {
      validateRules: (object, old) => validateRules(root, object, old),
      checkRules: (path) => checkRules(root, path),
    }),
    applyDefaults(object) {
      applyDefaults(root, object);
    },
    prune(object) {
      const removed: string[] = [];
      prune(root, object, '', removed);
      return removed;
    },
    validate(object) {
      const errors: FieldError[] = [];
      validate(root, object, '', 0, errors);
      return errors.slice(0, MAX_ERRORS);
    },
  };
}
