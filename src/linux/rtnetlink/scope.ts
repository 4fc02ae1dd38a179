import type { AddressScope } from './addresses/types.ts';

const byNumber = new Map<number, Exclude<AddressScope, number>>([
  [0, 'global'],
  [200, 'site'],
  [253, 'link'],
  [254, 'host'],
  [255, 'nowhere'],
]);
const byName = new Map([...byNumber].map(([number, name]) => [name as string, number]));

export function decodeScope(scope: number): AddressScope {
  return byNumber.get(scope) ?? scope;
}

export function encodeScope(scope: AddressScope): number {
  return typeof scope === 'number' ? scope : (byName.get(scope) ?? 0);
}
