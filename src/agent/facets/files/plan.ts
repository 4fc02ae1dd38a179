import type { DiskFile, FilesObserved, FilesOp, FilesSpec } from './model.ts';

/** The files that are missing, directory first. A file that is there is left as it is. Pure and deterministic. */
export function planFiles(spec: FilesSpec, observed: FilesObserved): readonly FilesOp[] {
  const missing = spec.files.filter(({ place }) => !observed.files.has(place.path));
  return [
    ...planDirectory(spec, observed),
    ...missing.map((file): FilesOp => (spec.mayCreate ? create(file) : { kind: 'report-missing', file })),
  ];
}

function planDirectory({ privateDirectory: directory }: FilesSpec, observed: FilesObserved): readonly FilesOp[] {
  if (observed.privateDirectory === undefined) {
    return [{ kind: 'create-directory', directory }];
  }
  const { uid, gid } = observed.privateDirectory.owner;
  // A start that was cut off between making the directory and giving it away.
  return uid === directory.owner.uid && gid === directory.owner.gid ? [] : [{ kind: 'set-owner', directory }];
}

function create(file: DiskFile): FilesOp {
  switch (file.kind) {
    case 'overlay':
      return { kind: 'create-overlay', file };
    case 'empty-disk':
      return { kind: 'create-empty-disk', file };
    case 'seed':
      return { kind: 'write-seed', file };
  }
}
