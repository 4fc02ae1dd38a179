import { pollUntil } from '../../../base/deadline.ts';
import { VmletError } from '../../../base/errors.ts';
import { vmiType } from '../../../vm/kinds/virtualmachineinstance/resource.ts';
import type { Invocation } from '../../command.ts';
import { UsageError } from '../../options.ts';
import { openSession } from '../../session.ts';
import { subresourcePath } from '../../subresource.ts';

const escapeByte = 0x1d; // ^]

export async function run(invocation: Invocation): Promise<number> {
  const { io } = invocation;
  const name = invocation.arguments[0] ?? '';
  const timeoutMs = Number(invocation.options['timeout']) * 1000;
  if (!Number.isFinite(timeoutMs) || timeoutMs < 0) {
    throw new UsageError('--timeout takes seconds');
  }
  const session = await openSession(invocation);
  await pollUntil(
    async () => {
      const vmi = await session.client.get(vmiType, { namespace: session.namespace, name });
      const phase = vmi.status?.phase;
      if (phase === 'Succeeded' || phase === 'Failed') {
        throw new VmletError('NotRunning', `virtualmachineinstance "${name}" has ended (${phase}): it has no console`);
      }
      return phase === 'Running' ? vmi : undefined;
    },
    { timeoutMs, intervalMs: 250, doing: `waiting for "${name}" to run`, signal: io.signal },
  );
  const socket = await session.openWebSocket(
    subresourcePath(session, 'virtualmachineinstances', name, 'console'),
    'plain.kubevirt.io',
  );
  const { stdin, stdout } = process;
  if (stdin.isTTY) {
    io.err(`Connected to ${name}. Press Enter for a prompt; ^] leaves.\r\n`);
    stdin.setRawMode(true);
  }
  try {
    return await new Promise<number>((resolve, reject) => {
      const leave = (code: number): void => {
        socket.close();
        resolve(code);
      };
      socket.on('message', (data: Buffer) => stdout.write(data));
      socket.on('close', () => {
        io.err('\r\nThe console was closed.\r\n');
        resolve(0);
      });
      socket.on('error', reject);
      io.signal.addEventListener('abort', () => leave(130), { once: true });
      stdin.on('data', (chunk: Buffer) => {
        const end = chunk.indexOf(escapeByte);
        if (end !== 0) {
          socket.send(end < 0 ? chunk : chunk.subarray(0, end), { binary: true });
        }
        if (end >= 0) {
          leave(0);
        }
      });
      // Input from a pipe ends; what the guest answers to it may still be on its way.
      stdin.on('end', () => setTimeout(() => leave(0), 500));
    });
  } finally {
    if (stdin.isTTY) {
      stdin.setRawMode(false);
    }
    stdin.pause();
  }
}
