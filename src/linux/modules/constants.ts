/** UAPI values of asm/unistd.h and linux/module.h, verbatim names. */
export const SYS_finit_module_by_arch: Readonly<Record<string, number>> = { x64: 313, arm64: 273 };
export const SYS_init_module_by_arch: Readonly<Record<string, number>> = { x64: 175, arm64: 105 };
export const MODULE_INIT_COMPRESSED_FILE = 4;
