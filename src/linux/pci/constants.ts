/** Values of linux/ioport.h, linux/pci_ids.h and linux/pci_regs.h, verbatim names. */
export const IORESOURCE_IO = 0x0000_0100;
export const IORESOURCE_MEM = 0x0000_0200;
export const IORESOURCE_PREFETCH = 0x0000_2000;
export const IORESOURCE_MEM_64 = 0x0010_0000;

/** Index in the `resource` file of the expansion ROM and of the first BAR of the virtual functions. */
export const PCI_ROM_RESOURCE = 6;
export const PCI_IOV_RESOURCES = 7;

/** Upper 16 bits of the class. */
export const PCI_CLASS_BRIDGE_HOST = 0x0600;
export const PCI_CLASS_BRIDGE_PCI = 0x0604;
export const PCI_CLASS_DISPLAY_VGA = 0x0300;
export const PCI_CLASS_STORAGE_EXPRESS = 0x0108;
export const PCI_CLASS_NETWORK_ETHERNET = 0x0200;
