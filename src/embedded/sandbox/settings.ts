/** Where one instance of the product keeps its sandboxes. All paths absolute; two instances share nothing. */
export interface SandboxSettings {
  /** Survives a reboot: skeleton roots and the libvirt capabilities cache. `<state>/sandbox`. */
  readonly stateDir: string;
  /** Gone after a reboot, as the sandboxes are: runc's state and the bundles. `<run>/sandbox`. */
  readonly runDir: string;
  /** Parent of every sandbox's cgroup, below each hierarchy's root: `/vmlet/<instance>`. */
  readonly cgroupParent: string;
  /** OCI runtime command: `runc`. */
  readonly runtime: string;
  /** The user and group that libvirt and QEMU run as; KubeVirt's 107. */
  readonly uid: number;
  readonly gid: number;
}

export const sandboxUid = 107;
export const sandboxGid = 107;

/** Settings of an instance from its state and run directories. */
export function sandboxSettings(options: {
  readonly instance: string;
  readonly stateDir: string;
  readonly runDir: string;
}): SandboxSettings {
  return {
    stateDir: `${options.stateDir}/sandbox`,
    runDir: `${options.runDir}/sandbox`,
    cgroupParent: `/vmlet/${options.instance}`,
    runtime: 'runc',
    uid: sandboxUid,
    gid: sandboxGid,
  };
}

/** `--root` of the OCI runtime. */
export function runtimeRoot(settings: SandboxSettings): string {
  return `${settings.runDir}/runtime`;
}

/** OCI bundle directory of one sandbox. */
export function bundleDir(settings: SandboxSettings, id: string): string {
  return `${settings.runDir}/bundles/${id}`;
}

/** cgroup path of one sandbox, relative to the root of every hierarchy. */
export function sandboxCgroup(settings: SandboxSettings, id: string): string {
  return `${settings.cgroupParent}/pod${id}`;
}
