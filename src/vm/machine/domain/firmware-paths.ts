/** Where Debian's `ovmf` package keeps UEFI firmware. */

export interface FirmwareFiles {
  readonly codePath: string;
  readonly varsTemplatePath: string;
}

/** Candidates in order of preference; Debian 13 has only the 4 MiB images. `secureBoot` ones hold Microsoft's keys. */
export const ovmfFiles: Readonly<Record<'plain' | 'secureBoot', readonly FirmwareFiles[]>> = {
  plain: [
    { codePath: '/usr/share/OVMF/OVMF_CODE_4M.fd', varsTemplatePath: '/usr/share/OVMF/OVMF_VARS_4M.fd' },
    { codePath: '/usr/share/OVMF/OVMF_CODE.fd', varsTemplatePath: '/usr/share/OVMF/OVMF_VARS.fd' },
  ],
  secureBoot: [
    { codePath: '/usr/share/OVMF/OVMF_CODE_4M.ms.fd', varsTemplatePath: '/usr/share/OVMF/OVMF_VARS_4M.ms.fd' },
    { codePath: '/usr/share/OVMF/OVMF_CODE.secboot.fd', varsTemplatePath: '/usr/share/OVMF/OVMF_VARS.ms.fd' },
  ],
};
