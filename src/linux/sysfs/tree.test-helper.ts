/** Prepared directory trees for tests of what reads sysfs and procfs. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { KernelRoots } from './roots.ts';

/** A file's text, or a link to a path inside the tree: `{ link: 'sys/bus/pci/drivers/e1000e' }`. */
export type TreeEntry = string | { readonly link: string };

/** Writes the tree to a fresh directory, which goes with `cleanup`. Paths start with sys/, proc/, dev/ or modules/. */
export function writeTree(cleanup: DisposableStack, tree: Readonly<Record<string, TreeEntry>>): KernelRoots {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-tree-'));
  cleanup.defer(() => fs.rmSync(root, { recursive: true }));
  for (const directory of ['sys', 'proc', 'dev', 'modules']) {
    fs.mkdirSync(path.join(root, directory));
  }
  for (const [name, entry] of Object.entries(tree)) {
    const file = path.join(root, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    if (typeof entry === 'string') {
      fs.writeFileSync(file, entry);
    } else {
      fs.symlinkSync(path.relative(path.dirname(file), path.join(root, entry.link)), file);
    }
  }
  return {
    sysfs: path.join(root, 'sys'),
    procfs: path.join(root, 'proc'),
    devfs: path.join(root, 'dev'),
    modules: path.join(root, 'modules'),
  };
}
