import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { DomainInput } from '../compile-domain.ts';
import type { DomainFacts } from '../facts.ts';
import type { VirtualMachineInstance } from '../../../kinds/virtualmachineinstance/types.ts';

export interface FixtureCase {
  readonly name: string;
  readonly input: DomainInput;
  /** Where the expected XML is. */
  readonly expectedPath: string;
}

/** Every folder here is one case: vmi.yaml and facts.json in, domain.xml out. */
export function fixtureCases(): FixtureCase[] {
  return readdirSync(import.meta.dirname, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => {
      const at = (file: string): string => join(import.meta.dirname, name, file);
      return {
        name,
        input: {
          vmi: parse(readFileSync(at('vmi.yaml'), 'utf8')) as VirtualMachineInstance,
          facts: JSON.parse(readFileSync(at('facts.json'), 'utf8')) as DomainFacts,
        },
        expectedPath: at('domain.xml'),
      };
    });
}
