/** Parsers of text, as fuzz targets: any input gives a value or a DecodeError. */
import { parseLoadedModules, parseModuleDependencies } from './parse.ts';

export const fuzzTargets: readonly {
  readonly name: string;
  readonly decode: (bytes: Buffer) => unknown;
  readonly seeds: readonly Buffer[];
}[] = [
  {
    name: 'loaded modules',
    decode: (bytes) => parseLoadedModules(bytes.toString('latin1')),
    seeds: [Buffer.from('vfio_pci 16384 1 - Live 0xffffffffc0b10000 (E)\nkvm 1 2 kvm_intel, Live 0x0\n')],
  },
  {
    name: 'modules.dep',
    decode: (bytes) => parseModuleDependencies(bytes.toString('latin1')),
    seeds: [Buffer.from('kernel/a.ko.xz: kernel/b.ko kernel/c.ko.zst\nkernel/b.ko:\n')],
  },
];
