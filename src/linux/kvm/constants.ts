/** UAPI values of linux/kvm.h and asm/kvm.h, verbatim names. The ioctl numbers with structure sizes are those of x86_64. */
export const KVM_API_VERSION = 12;
export const KVM_GET_API_VERSION = 0xae00;
export const KVM_CREATE_VM = 0xae01;
export const KVM_GET_VCPU_MMAP_SIZE = 0xae04;
export const KVM_CREATE_VCPU = 0xae41;
export const KVM_SET_USER_MEMORY_REGION = 0x4020_ae46;
export const KVM_SET_TSS_ADDR = 0xae47;
export const KVM_RUN = 0xae80;
export const KVM_SET_REGS = 0x4090_ae82;
export const KVM_GET_SREGS = 0x8138_ae83;
export const KVM_SET_SREGS = 0x4138_ae84;
export const KVM_GET_SUPPORTED_CPUID = 0xc008_ae05;
export const KVM_SET_CPUID2 = 0x4008_ae90;

export const KVM_EXIT_IO = 2;
export const KVM_EXIT_HLT = 5;
export const KVM_EXIT_INTR = 10;

/** Names of exit reasons, for messages. */
export const exitReasonNames: Readonly<Record<number, string>> = {
  0: 'KVM_EXIT_UNKNOWN',
  1: 'KVM_EXIT_EXCEPTION',
  2: 'KVM_EXIT_IO',
  5: 'KVM_EXIT_HLT',
  6: 'KVM_EXIT_MMIO',
  8: 'KVM_EXIT_SHUTDOWN (triple fault)',
  9: 'KVM_EXIT_FAIL_ENTRY',
  10: 'KVM_EXIT_INTR',
  17: 'KVM_EXIT_INTERNAL_ERROR',
};

export const KVM_GET_MSR_INDEX_LIST = 0xc004_ae02;
export const KVM_CHECK_EXTENSION = 0xae03;
export const KVM_GET_EMULATED_CPUID = 0xc008_ae09;
export const KVM_GET_MSR_FEATURE_INDEX_LIST = 0xc004_ae0a;
export const KVM_GET_MSRS = 0xc008_ae88;
export const KVM_GET_SUPPORTED_HV_CPUID = 0xc008_aec1;

/** flags of struct kvm_cpuid_entry2: the index (subleaf) counts. */
export const KVM_CPUID_FLAG_SIGNIFCANT_INDEX = 1;
