import type { Duplex } from 'node:stream';
import { UnsupportedError } from '../../base/errors.ts';
import { createChannel } from '../rpc/channel.ts';
import type { KeepaliveOptions } from '../rpc/channel.ts';
import type { CallOptions } from '../rpc/procedure.ts';
import { createConnection } from './connection.ts';
import type { LibvirtConnection } from './connection.ts';
import { createEventListeners, dispatchEvent } from './event-listeners.ts';
import { procedures } from './procedure-table.ts';

export interface ConnectOptions extends CallOptions {
  readonly uri: 'qemu:///session' | 'qemu:///system';
  /** Pings a silent daemon; off when absent. libvirt's own pings are always answered. */
  readonly keepalive?: KeepaliveOptions;
  /** Gets what a listener of events threw; the connection lives on. */
  readonly onListenerError?: (error: unknown) => void;
}

/** REMOTE_AUTH_NONE */
const REMOTE_AUTH_NONE = 0;
/** VIR_DRV_FEATURE_PROGRAM_KEEPALIVE: by asking for it the client says that it answers pings. */
const VIR_DRV_FEATURE_PROGRAM_KEEPALIVE = 10;

/**
 * Opens a libvirt session on a connected byte stream to libvirtd or virtqemud. How the stream was made (and whether its
 * peer is the right one) is the caller's business; from here on it belongs to the connection.
 * Only peers that ask for no authentication are served, which is what their own unix socket gives to the same user and to root.
 */
export async function connectLibvirt(stream: Duplex, options: ConnectOptions): Promise<LibvirtConnection> {
  const listeners = createEventListeners();
  const channel = createChannel(stream, {
    keepalive: options.keepalive,
    onEvent(frame) {
      try {
        dispatchEvent(listeners, frame);
      } catch (error) {
        options.onListenerError?.(error);
      }
    },
  });
  try {
    const kinds = await channel.call(procedures.authList, undefined, options);
    if (kinds.length > 0 && !kinds.includes(REMOTE_AUTH_NONE)) {
      throw new UnsupportedError(
        `libvirt asks for authentication of kind ${kinds.join(', ')}; use its own user or root`,
      );
    }
    await channel.call(procedures.connectOpen, { uri: options.uri, flags: 0 }, options);
    await channel.call(procedures.supportsFeature, VIR_DRV_FEATURE_PROGRAM_KEEPALIVE, options);
  } catch (error) {
    channel.close('could not be opened');
    throw error;
  }
  return createConnection(channel, listeners);
}
