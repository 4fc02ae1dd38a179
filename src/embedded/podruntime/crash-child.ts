/** Runs the pod runtime for crash.host.test.ts and kills itself (SIGKILL) at the step that the first argument names. */
import type { Pod } from '../../apimachinery/core.ts';
import { silentLogger } from '../../base/logger.ts';
import type { KubeClient } from '../../client/client.ts';
import { createReactor } from '../../linux/reactor/reactor.ts';
import { prepareSandboxHost } from '../sandbox/sandbox-host.ts';
import { openImageStore } from '../volumes/image-store.ts';
import { createTestNetwork, openTestApi, testImageSettings, testSettings } from './host-fixture.ts';
import { startPodRuntime } from './pod-runtime.ts';

const [step = '', dir = '', instance = ''] = process.argv.slice(2);
const settings = testSettings(dir, instance);

function die(at: string): void {
  if (step === at) {
    process.kill(process.pid, 'SIGKILL');
  }
}

const { client: api } = await openTestApi(dir);
const client: KubeClient = {
  ...api,
  update: async (type, object, options) => {
    const phase = (object as Partial<Pod>).status?.phase ?? '';
    die(`before status ${phase}`);
    const updated = await api.update(type, object, options);
    die(`after status ${phase}`);
    return updated;
  },
  delete: async (type, key, options) => {
    die('before delete');
    await api.delete(type, key, options);
    die('after delete');
  },
};
const network = createTestNetwork(dir);
const facts = prepareSandboxHost(settings.sandbox, { kvm: undefined });
await startPodRuntime({
  client,
  settings,
  reactor: createReactor(),
  images: await openImageStore(testImageSettings(dir)),
  network: {
    ...network,
    setup: async (identity) => {
      const result = await network.setup(identity);
      die('network set up');
      return result;
    },
    teardown: async (uid) => {
      die('sandbox deleted');
      await network.teardown(uid);
      die('network torn down');
    },
  },
  hostFacts: async (kvm) => {
    const result = await facts(kvm);
    die('before sandbox');
    if (step.startsWith('in sandbox start ')) {
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), Number(step.split(' ').at(-1)));
    }
    return result;
  },
  logger: silentLogger,
  signal: new AbortController().signal,
});
// The parent kills this process if the step is never reached.
setInterval(() => {}, 1000);
