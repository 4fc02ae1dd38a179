import { pollUntil } from '../../../base/deadline.ts';
import { CancelledError, VmletError } from '../../../base/errors.ts';
import { vmiType } from '../../../vm/kinds/virtualmachineinstance/resource.ts';
import type { Invocation } from '../../command.ts';
import { UsageError } from '../../options.ts';
import { openSession, type ApiSession } from '../../session.ts';
import { subresourcePath } from '../../subresource.ts';
import { joinTerminal } from './terminal.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { io } = invocation;
  const name = invocation.arguments[0] ?? '';
  const timeoutMs = Number(invocation.options['timeout']) * 1000;
  if (!Number.isFinite(timeoutMs) || timeoutMs < 0) {
    throw new UsageError(`--timeout takes seconds, not "${String(invocation.options['timeout'])}"`);
  }
  const session = await openSession(invocation);
  await waitUntilRunning(session, name, timeoutMs, invocation);
  const socket = await session.openWebSocket(
    subresourcePath(session, 'virtualmachineinstances', name, 'console'),
    'plain.kubevirt.io',
  );
  const { stdin } = process;
  if (stdin.isTTY) {
    io.err(`Connected to ${name}. Press Enter for a prompt; ^] leaves.\n`);
    stdin.setRawMode(true);
  }
  try {
    const ended = await joinTerminal(socket, { input: stdin, output: process.stdout, signal: io.signal });
    if (ended === 'interrupted') {
      throw new CancelledError('interrupted');
    }
    if (ended === 'lost') {
      throw new VmletError('ConsoleLost', `the console of "${name}" was cut`);
    }
    return 0;
  } finally {
    if (stdin.isTTY) {
      stdin.setRawMode(false);
      io.err('\n');
    }
  }
}

async function waitUntilRunning(
  session: ApiSession,
  name: string,
  timeoutMs: number,
  { io }: Invocation,
): Promise<void> {
  let told = false;
  await pollUntil(
    async () => {
      const vmi = await session.client.get(vmiType, { namespace: session.namespace, name });
      const phase = vmi.status?.phase;
      if (phase === 'Succeeded' || phase === 'Failed') {
        throw new VmletError('NotRunning', `virtualmachineinstance "${name}" has ended (${phase}): it has no console`);
      }
      if (phase !== 'Running' && !told && timeoutMs > 0) {
        told = true;
        io.err(`Waiting for "${name}" to run ...\n`);
      }
      return phase === 'Running' ? vmi : undefined;
    },
    { timeoutMs, intervalMs: 250, doing: `waiting for "${name}" to run`, signal: io.signal },
  );
}
