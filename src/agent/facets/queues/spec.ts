import type { VirtualMachineInstance } from '../../../vm/kinds/virtualmachineinstance/types.ts';
import type { NetworkSpec } from '../network/model.ts';
import type { QueuesSpec } from './model.ts';

/** struct virtio_net_hdr, which QEMU reads and writes for cards other than virtio. */
const VIRTIO_NET_HDR_BYTES = 10;
/** struct virtio_net_hdr_mrg_rxbuf: what a virtio card has since virtio 1.0. */
const VIRTIO_NET_HDR_MRG_RXBUF_BYTES = 12;

/** Pure. */
export function compileQueues(vmi: VirtualMachineInstance, network: NetworkSpec): QueuesSpec {
  return {
    taps: network.interfaces.map(({ name, tap, queues }) => {
      const card = vmi.spec.domain.devices.interfaces?.find((candidate) => candidate.name === name);
      const isVirtio = (card?.model ?? 'virtio') === 'virtio';
      return {
        tap,
        // libvirt's name for the back end of a card with the alias `ua-<name>`.
        netdev: `hostua-${name}`,
        queues,
        headerBytes: isVirtio ? VIRTIO_NET_HDR_MRG_RXBUF_BYTES : VIRTIO_NET_HDR_BYTES,
      };
    }),
  };
}
