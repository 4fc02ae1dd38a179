import { stringify } from 'yaml';
import { buildCrds } from './crds.ts';

const header = '# Generated from src/vm/kinds by `node src/vm/kinds/write-manifests.ts`; a test compares the two.\n';

/** File name and content of each manifest under manifests/crds. */
export function renderManifests(): Map<string, string> {
  return new Map(
    buildCrds().map((crd) => [
      `${crd.metadata.name}.yaml`,
      header + stringify(crd, { lineWidth: 120, aliasDuplicateObjects: false }),
    ]),
  );
}
