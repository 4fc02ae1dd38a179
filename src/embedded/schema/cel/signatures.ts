/** What functions take and give, for the type checker. The library's own are read from its function table. */
import type { CelType } from '@bufbuild/cel';
import { listOf, mapOf, simple, simpleKinds } from './types.ts';
import type { SimpleKind, Type } from './types.ts';

export interface Signature {
  readonly name: string;
  /** Of a method: what stands before the dot. */
  readonly target?: Type;
  readonly args: readonly Type[];
  readonly result: Type;
  /** The result is an element of the target, or of the first argument. */
  readonly givesElement?: boolean;
}

export type Signatures = ReadonlyMap<string, readonly Signature[]>;

export interface FunctionTable {
  [Symbol.iterator](): Iterator<{
    readonly name: string;
    readonly target: CelType | undefined;
    readonly arguments: readonly CelType[];
    readonly result: CelType;
  }>;
}

export function readSignatures(table: FunctionTable, own: readonly Signature[]): Signatures {
  const signatures = new Map<string, Signature[]>();
  const add = (signature: Signature): void => {
    signatures.set(signature.name, [...(signatures.get(signature.name) ?? []), signature]);
  };
  for (const func of { [Symbol.iterator]: () => table[Symbol.iterator]() }) {
    const target = func.target && fromCelType(func.target);
    const args = func.arguments.map(fromCelType);
    add({ name: func.name, ...(target && { target }), args, result: fromCelType(func.result) });
  }
  for (const signature of own) {
    add(signature);
  }
  return signatures;
}

function fromCelType(type: CelType): Type {
  switch (type.kind) {
    case 'list':
      return listOf(fromCelType(type.element));
    case 'map':
      return mapOf(fromCelType(type.key), fromCelType(type.value));
    case 'object':
      return type.name === 'google.protobuf.Duration'
        ? simple.duration
        : type.name === 'google.protobuf.Timestamp'
          ? simple.timestamp
          : simple.dyn;
    case 'scalar': {
      const name = type.scalar === 'null_type' ? 'null' : type.scalar;
      return isSimpleKind(name) ? simple[name] : simple.dyn;
    }
  }
}

function isSimpleKind(name: string): name is SimpleKind {
  return (simpleKinds as readonly string[]).includes(name);
}
