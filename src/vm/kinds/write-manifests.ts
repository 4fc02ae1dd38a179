/** Writes manifests/crds/*.yaml from the schemas: `node src/vm/kinds/write-manifests.ts`. */
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { renderManifests } from './manifests.ts';

const directory = fileURLToPath(new URL('../../../manifests/crds/', import.meta.url));
await mkdir(directory, { recursive: true });
for (const [file, content] of renderManifests()) {
  await writeFile(`${directory}${file}`, content);
}
