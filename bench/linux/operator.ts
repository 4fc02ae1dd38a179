/**
 * What an operator waits for: `vmlet doctor` as a command, and the node's answers to inspect, inspect --deep, inspect net,
 * explain and trace, asked over HTTPS on the same host, so that the time is the server's but for a millisecond. One
 * emulated VM runs meanwhile. Needs root.
 *
 *   node bench/linux/operator.ts [rounds]      writes bench/results/operator.json
 */
import { spawnSync } from 'node:child_process';
import { executable, startInstance } from '../../test/support/instance.ts';
import { addresses, create, fetchFromGuest, machineManifest, waitForPhase } from '../../test/support/machines.ts';
import { keepResult } from '../result.ts';
import { median, quantile } from '../statistics.ts';

const rounds = Number(process.argv[2] ?? 30);
const doctorRounds = Math.min(rounds, 10);
const commandTimeoutMs = 60_000;
const budgetsMs = { doctor: 1000, inspect: 200 } as const;

const cleanups: (() => unknown)[] = [];
const instance = await startInstance({
  after: (cleanup) => {
    cleanups.push(cleanup as () => unknown);
  },
});
try {
  await create(instance, machineManifest('bench'));
  const vmi = await waitForPhase(instance, 'bench', 'Running');
  await fetchFromGuest(addresses(vmi)[0] ?? '');
  keepResult('operator', await measure());
} finally {
  for (const cleanup of cleanups.toReversed()) {
    await cleanup();
  }
}

async function measure(): Promise<object> {
  const group = '/apis/subresources.kubevirt.io/v1/namespaces/default';
  const ask = (what: string) => () => instance.api.request('GET', `${group}/virtualmachineinstances/bench/${what}`);
  const explained = machineManifest('explained');
  const requests: Readonly<Record<string, () => Promise<unknown>>> = {
    inspect: ask('inspect'),
    'inspect --deep': ask('inspect?deep=true'),
    'inspect net, one look': ask('inspectnetwork'),
    explain: () => instance.api.request('PUT', `${group}/explain-vm`, explained),
    trace: ask('trace'),
  };
  const timesMs: Record<string, number[]> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [what, request] of Object.entries(requests)) {
      const startMs = performance.now();
      await request();
      // The first asks once what is then remembered.
      if (round > 0) {
        (timesMs[what] ??= []).push(performance.now() - startMs);
      }
    }
  }
  for (let round = 0; round < doctorRounds; round++) {
    const startMs = performance.now();
    // The shell tells the CPU time, which a busy host does not change.
    const script = 'TIMEFORMAT="%U %S"; time "$1" doctor -o json > /dev/null';
    const { stderr } = spawnSync('/bin/bash', ['-c', script, 'bash', executable], {
      encoding: 'utf8',
      timeout: commandTimeoutMs,
    });
    (timesMs['doctor'] ??= []).push(performance.now() - startMs);
    const [user = NaN, system = NaN] = (stderr.trim().split('\n').at(-1) ?? '').split(' ').map(Number);
    (timesMs['doctor, CPU time'] ??= []).push((user + system) * 1000);
  }
  const medians = Object.fromEntries(Object.entries(timesMs).map(([what, times]) => [what, round1(median(times))]));
  return {
    rounds,
    unit: 'ms',
    median: medians,
    p90: Object.fromEntries(Object.entries(timesMs).map(([what, times]) => [what, round1(quantile(times, 0.9))])),
    budgets: Object.fromEntries(
      Object.entries(budgetsMs).map(([what, budgetMs]) => [
        what,
        { budgetMs, isMet: (medians[what] ?? Infinity) <= budgetMs },
      ]),
    ),
  };
}

function round1(value: number): number {
  return Math.round(value * 10) / 10;
}
