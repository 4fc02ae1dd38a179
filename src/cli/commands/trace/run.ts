import { VmletError } from '../../../base/errors.ts';
import { formatTrace } from '../../../vm/trace/format.ts';
import { parseTrace } from '../../../vm/trace/trace.ts';
import { layOutTrace } from '../../../vm/trace/waterfall.ts';
import type { Invocation } from '../../command.ts';
import { openSession } from '../../session.ts';
import { readSubject } from '../../subject.ts';
import { subresourcePath } from '../../subresource.ts';

/** Where the output is no terminal. */
const defaultWidth = 100;

export async function run(invocation: Invocation): Promise<number> {
  const { io, options } = invocation;
  const { name } = readSubject(invocation.arguments, ['vm']);
  const session = await openSession(invocation);
  const answer = await session.request('GET', subresourcePath(session, 'virtualmachineinstances', name, 'trace'));
  const trace = parseTrace(answer);
  if (trace === undefined) {
    throw new VmletError('NoTrace', `the API server keeps no trace of "${name}": is it vmlet, of this version?`);
  }
  switch (options['output']) {
    case 'json':
      io.out(`${JSON.stringify({ ...trace, ...layOutTrace(trace) }, undefined, 2)}\n`);
      break;
    case 'yaml': {
      const { stringify } = await import('yaml');
      io.out(stringify({ ...trace, ...layOutTrace(trace) }));
      break;
    }
    default:
      io.out(formatTrace(trace, { color: io.color, width: process.stdout.columns ?? defaultWidth }));
  }
  return 0;
}
