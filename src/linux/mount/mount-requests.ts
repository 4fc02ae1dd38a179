/** What a mount worker is asked and answers. Plain data: it crosses a thread border. Descriptors are process-wide numbers. */

export type MountRequest =
  | { readonly kind: 'mountinfo' }
  /** Attach a detached mount. `target` is looked up in the namespace's own root. */
  | { readonly kind: 'attach'; readonly tree: number; readonly label: string; readonly target: string }
  /** A detached copy of what is seen there, as a descriptor. */
  | { readonly kind: 'clone'; readonly source: string; readonly recursive: boolean }
  | { readonly kind: 'unmount'; readonly target: string }
  | { readonly kind: 'setReadOnly'; readonly target: string; readonly readOnly: boolean }
  /** An O_PATH descriptor of the directory or file, no link followed. */
  | { readonly kind: 'openPath'; readonly path: string };

export interface MountWorkerRequest {
  readonly id: number;
  /** Descriptor of the mount namespace to enter. */
  readonly namespace: number;
  readonly namespaceLabel: string;
  readonly request: MountRequest;
}

/** Text, a descriptor, whether something was done, or nothing. */
export type MountWorkerValue = string | number | boolean | undefined;

export type MountWorkerAnswer =
  | { readonly id: number; readonly value: MountWorkerValue }
  | {
      readonly id: number;
      /** Fields of a KernelError, or only the message. */
      readonly error: {
        readonly message: string;
        readonly op: string | undefined;
        readonly target: string | undefined;
        readonly errno: number | undefined;
      };
    };
