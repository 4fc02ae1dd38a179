import { ovmfFiles } from '../../../vm/machine/domain/firmware-paths.ts';
import type { Facet } from '../facet.ts';
import type { HostFacts, MachineInput } from '../machine-input.ts';
import { applyFilesOps } from './apply.ts';
import { describeFilesOp, detailOfFilesOp, reasonOfFilesOp } from './describe.ts';
import type { FilesFacts, FilesObserved, FilesOp, FilesSpec } from './model.ts';
import { observeFiles, readFilesFacts, volumesOf } from './observe.ts';
import { planFiles } from './plan.ts';
import { attachedVolumes, compileFiles } from './spec.ts';

/** What a VM has on disk in its sandbox: the private directory, its disks, cloud-init seeds. */
export const filesFacet: Facet<FilesFacts, FilesSpec, FilesObserved, FilesOp> = {
  name: 'files',
  needs: [],
  facts: readFilesFacts,
  assume: assumeFiles,
  compile: ({ vmi }, facts) => compileFiles(vmi, facts),
  observe: (_place, spec) => observeFiles(spec),
  nothing: () => ({ privateDirectory: undefined, files: new Set() }),
  plan: planFiles,
  apply: applyFilesOps,
  describe: describeFilesOp,
  reason: reasonOfFilesOp,
  detail: detailOfFilesOp,
  isReport: ({ kind }) => kind === 'report-missing',
};

/** What an image holds is known once it is unpacked. */
function assumeFiles({ vmi, pod }: MachineInput, host: HostFacts): FilesFacts {
  const efi = vmi.spec.domain.firmware?.bootloader?.efi;
  const images = attachedVolumes(vmi).flatMap(({ volume: { name, containerDisk } }) =>
    containerDisk === undefined
      ? []
      : [
          [
            name,
            {
              path: containerDisk.path?.replace(/^\/+/, '') ?? 'disk/disk.img',
              format: 'qcow2' as const,
              virtualBytes: undefined,
            },
          ],
        ],
  );
  return {
    ...volumesOf('/var/lib/kubelet', pod.metadata.uid ?? '<uid>'),
    owner: { uid: host.sandboxUid, gid: host.sandboxUid },
    images: Object.fromEntries(images),
    firmware: efi && ovmfFiles[efi.secureBoot === false ? 'plain' : 'secureBoot'][0],
  };
}
