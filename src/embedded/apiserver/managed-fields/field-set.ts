/**
 * Sets of field paths, as a tree. Pure; sets are not changed once made, so parts are shared freely.
 * Source: sigs.k8s.io/structured-merge-diff/fieldpath.Set.
 *
 * A path is a list of elements in their FieldsV1 spelling: `f:spec`, `k:{"name":"a"}`, `v:"x"`, `i:0` (see fields-v1.ts).
 */
export interface FieldSet {
  /** Is the path that leads here in the set? */
  readonly member: boolean;
  readonly children: ReadonlyMap<string, FieldSet>;
}

export interface MutableFieldSet extends FieldSet {
  member: boolean;
  readonly children: Map<string, MutableFieldSet>;
}

export const emptySet: FieldSet = { member: false, children: new Map() };
export const memberOnly: FieldSet = { member: true, children: new Map() };

export function newFieldSet(): MutableFieldSet {
  return { member: false, children: new Map() };
}

/** The node of `element` below `set`, made if missing. */
export function descend(set: MutableFieldSet, element: string): MutableFieldSet {
  let child = set.children.get(element);
  if (child === undefined) {
    child = newFieldSet();
    set.children.set(element, child);
  }
  return child;
}

export function fieldSetOf(...paths: readonly (readonly string[])[]): FieldSet {
  const set = newFieldSet();
  for (const path of paths) {
    let node = set;
    for (const element of path) {
      node = descend(node, element);
    }
    node.member = true;
  }
  return set;
}

export function isEmptySet(set: FieldSet): boolean {
  return !set.member && set.children.size === 0;
}

export function unionSets(left: FieldSet, right: FieldSet): FieldSet {
  if (left === right || isEmptySet(right)) {
    return left;
  }
  if (isEmptySet(left)) {
    return right;
  }
  const children = new Map(left.children);
  for (const [element, child] of right.children) {
    const before = children.get(element);
    children.set(element, before === undefined ? child : unionSets(before, child));
  }
  return { member: left.member || right.member, children };
}

export function intersectSets(left: FieldSet, right: FieldSet): FieldSet {
  return combine(left, right, {
    member: (inLeft, inRight) => inLeft && inRight,
    child: (child, other) => (other === undefined ? emptySet : intersectSets(child, other)),
  });
}

/** Paths of `left` that are not in `right`; what lies below a path of `right` stays. */
export function subtractSets(left: FieldSet, right: FieldSet): FieldSet {
  if (isEmptySet(left) || isEmptySet(right)) {
    return left;
  }
  return combine(left, right, {
    member: (inLeft, inRight) => inLeft && !inRight,
    child: (child, other) => (other === undefined ? child : subtractSets(child, other)),
  });
}

/** Paths of `left` that are neither in `right` nor below a path of it. */
export function subtractTrees(left: FieldSet, right: FieldSet): FieldSet {
  if (isEmptySet(left) || isEmptySet(right)) {
    return left;
  }
  return combine(left, right, {
    member: (inLeft, inRight) => inLeft && !inRight,
    child: (child, other) => (other === undefined ? child : other.member ? emptySet : subtractTrees(child, other)),
  });
}

function combine(
  left: FieldSet,
  right: FieldSet,
  rule: {
    readonly member: (inLeft: boolean, inRight: boolean) => boolean;
    readonly child: (child: FieldSet, other: FieldSet | undefined) => FieldSet;
  },
): FieldSet {
  const children = new Map<string, FieldSet>();
  for (const [element, child] of left.children) {
    const kept = rule.child(child, right.children.get(element));
    if (!isEmptySet(kept)) {
      children.set(element, kept);
    }
  }
  return { member: rule.member(left.member, right.member), children };
}

export function equalSets(left: FieldSet, right: FieldSet): boolean {
  if (left === right) {
    return true;
  }
  if (left.member !== right.member || left.children.size !== right.children.size) {
    return false;
  }
  for (const [element, child] of left.children) {
    const other = right.children.get(element);
    if (other === undefined || !equalSets(child, other)) {
      return false;
    }
  }
  return true;
}

/** All paths of the set, a parent before what lies below it, siblings in order. */
export function* pathsOf(set: FieldSet, path: readonly string[] = []): Generator<readonly string[]> {
  if (set.member) {
    yield path;
  }
  for (const element of [...set.children.keys()].sort()) {
    yield* pathsOf(set.children.get(element) ?? emptySet, [...path, element]);
  }
}
