/** The files of one VM in its sandbox: what is wanted, what is there, and the steps between. Plain data, without secrets. */
import type { DiskFact, EfiFact } from '../../../vm/machine/domain/facts.ts';
import type { Owner, VolumePlace } from '../../volumes/volume-file.ts';
import type { ImageFormat } from '../../volumes/image-format.ts';

/** The disk in a container disk's image. */
export interface ImageFact {
  /** Path from the root of the image, without a leading slash. */
  readonly path: string;
  readonly format: ImageFormat;
  /** Undefined before the image is here. */
  readonly virtualBytes: number | undefined;
}

export interface FilesFacts {
  /** Host paths of the sandbox's emptyDirs. */
  readonly privateVolume: string;
  readonly disksVolume: string;
  readonly owner: Owner;
  /** By volume name: of each container disk that is attached. */
  readonly images: Readonly<Record<string, ImageFact>>;
  /** For UEFI. */
  readonly firmware: Omit<EfiFact, 'nvramPath'> | undefined;
}

/** Text for cloud-init, without the text: it may hold passwords. */
export type ContentReference =
  | { readonly kind: 'manifest'; readonly bytes: number; readonly sha256: string }
  | { readonly kind: 'secret'; readonly name: string; readonly keys: readonly string[] };

export type DiskFile =
  | {
      readonly kind: 'overlay';
      readonly disk: string;
      readonly place: VolumePlace;
      /** As the sandbox sees it. */
      readonly basePath: string;
      readonly baseFormat: ImageFormat;
      readonly baseBytes: number | undefined;
    }
  | { readonly kind: 'empty-disk'; readonly disk: string; readonly place: VolumePlace; readonly capacityBytes: number }
  | {
      readonly kind: 'seed';
      readonly disk: string;
      readonly place: VolumePlace;
      readonly layout: 'noCloud' | 'configDrive';
      readonly metaData: Readonly<Record<string, string>>;
      readonly userData: ContentReference | undefined;
      readonly networkData: ContentReference | undefined;
    };

/** A directory of its own in an emptyDir. */
export interface OwnDirectory {
  readonly volumeDirectory: string;
  readonly name: string;
  readonly mode: number;
  readonly owner: Owner;
}

export interface FilesSpec {
  /** Of QEMU's sockets and the firmware's variables, which libvirt makes from their template at the first start. */
  readonly privateDirectory: OwnDirectory;
  /** In the order of the VMI's disks. */
  readonly files: readonly DiskFile[];
  /** False once the guest ran: a disk that is gone then held its data, and an empty one in its place would hide that. */
  readonly mayCreate: boolean;
  /** What the domain is told; paths as the sandbox sees them. */
  readonly disks: readonly DiskFact[];
  readonly privateDir: string;
  readonly kernel: { readonly kernelPath?: string; readonly initrdPath?: string } | undefined;
  readonly efi: EfiFact | undefined;
}

export interface FilesObserved {
  readonly privateDirectory: { readonly owner: Owner } | undefined;
  /** Paths, as in the places, of the files that are there. */
  readonly files: ReadonlySet<string>;
}

export type FilesOp =
  | { readonly kind: 'create-directory'; readonly directory: OwnDirectory }
  | { readonly kind: 'set-owner'; readonly directory: OwnDirectory }
  | { readonly kind: 'create-overlay'; readonly file: DiskFile & { kind: 'overlay' } }
  | { readonly kind: 'create-empty-disk'; readonly file: DiskFile & { kind: 'empty-disk' } }
  | { readonly kind: 'write-seed'; readonly file: DiskFile & { kind: 'seed' } }
  /** Only told. */
  | { readonly kind: 'report-missing'; readonly file: DiskFile };
