/** PUT virtualmachines/{name}/stop with StopOptions{gracePeriod, dryRun}. */
import { badRequest } from '../../../apimachinery/status.ts';
import type { JsonPatchOperation } from '../../../client/client.ts';
import { vmiType } from '../../kinds/virtualmachineinstance/resource.ts';
import type { VirtualMachineInstance } from '../../kinds/virtualmachineinstance/types.ts';
import { isFinal, readVm, requestChange, setRunning } from '../vm-requests.ts';
import { accepted, parseOptions, vmConflict, type Subresource, type SubresourceContext } from '../subresource.ts';

export const stop: Subresource = {
  resource: 'virtualmachines',
  name: 'stop',
  method: 'PUT',
  handle: async (context, request) => {
    const options = parseOptions(request.body);
    const { gracePeriod } = options;
    if (gracePeriod !== undefined && gracePeriod < 0) {
      throw badRequest('gracePeriod has to be greater or equal to 0');
    }
    const { vm, vmi, strategy } = await readVm(context, request);
    const { name } = request;
    const live = vmi !== undefined && !isFinal(vmi) ? vmi : undefined;
    switch (strategy) {
      case 'Halted': {
        if (live === undefined) {
          throw vmConflict(name, 'VM is not running');
        }
        const old = live.spec.terminationGracePeriodSeconds;
        if (gracePeriod === undefined || (old !== undefined && gracePeriod >= old)) {
          throw vmConflict(name, 'Halted only supports manual stop requests with a shorter graceperiod');
        }
        break;
      }
      case 'RerunOnFailure':
      case 'Manual':
        if (live === undefined) {
          throw vmConflict(name, 'VM is not running');
        }
        break;
      case 'Always':
      case 'Once':
      case 'WaitAsReceiver':
        break;
    }
    if (live !== undefined && gracePeriod !== undefined) {
      await shortenGrace(context, live, gracePeriod, options);
    }
    if (strategy === 'Always' || strategy === 'Once' || strategy === 'WaitAsReceiver' || live === undefined) {
      await setRunning(context, vm, false, options);
    } else {
      const uid = live.metadata.uid;
      await requestChange(context, vm, [{ action: 'Stop', ...(uid === undefined ? {} : { uid }) }], options);
    }
    return accepted;
  },
};

async function shortenGrace(
  context: SubresourceContext,
  vmi: VirtualMachineInstance,
  seconds: number,
  options: { readonly dryRun: boolean },
): Promise<void> {
  const path = '/spec/terminationGracePeriodSeconds';
  const old = vmi.spec.terminationGracePeriodSeconds;
  const test: JsonPatchOperation[] = old === undefined ? [] : [{ op: 'test', path, value: old }];
  const { namespace, name } = vmi.metadata;
  await context.client.patch(
    vmiType,
    { namespace, name },
    { type: 'json', body: [...test, { op: 'add', path, value: seconds }] },
    { dryRun: options.dryRun },
  );
}
