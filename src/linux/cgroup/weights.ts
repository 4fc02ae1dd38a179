/** Units of CPU and disk weight, converted as OCI runtimes do, so that a cgroup of theirs and one of ours agree. Pure. */
import { VmletError } from '../../base/errors.ts';

const SHARES_MIN = 2;
const SHARES_MAX = 262_144;
const WEIGHT_MAX = 10_000;

/**
 * v1 shares (2 to 262144) to v2 weight (1 to 10000) by the line that the kubelet, runc up to 1.3 and crun up to 1.22 draw
 * through both ends: 1024 shares become 39.
 */
export function sharesToWeight(shares: number): number {
  const checked = checkedShares(shares);
  return Math.floor(1 + ((checked - SHARES_MIN) * (WEIGHT_MAX - 1)) / (SHARES_MAX - SHARES_MIN));
}

/** The curve of later runtimes through both defaults: 1024 shares become 100 (opencontainers/cgroups ConvertCPUSharesToCgroupV2Value). */
export function sharesToWeightByCurve(shares: number): number {
  const checked = checkedShares(shares);
  if (checked === SHARES_MIN || checked === SHARES_MAX) {
    return checked === SHARES_MIN ? 1 : WEIGHT_MAX;
  }
  const exponent = Math.log2(checked);
  return Math.ceil(10 ** ((exponent * exponent + 125 * exponent) / 612 - 7 / 34));
}

/** The smallest shares that become this weight on the line. */
export function weightToShares(weight: number): number {
  if (!Number.isInteger(weight) || weight < 1 || weight > WEIGHT_MAX) {
    throw new VmletError('BadCgroupValue', `${weight} is not a CPU weight (1 to ${WEIGHT_MAX})`);
  }
  return Math.ceil(SHARES_MIN + ((weight - 1) * (SHARES_MAX - SHARES_MIN)) / (WEIGHT_MAX - 1));
}

function checkedShares(shares: number): number {
  if (!Number.isInteger(shares) || shares < SHARES_MIN || shares > SHARES_MAX) {
    throw new VmletError('BadCgroupValue', `${shares} is not a number of CPU shares (${SHARES_MIN} to ${SHARES_MAX})`);
  }
  return shares;
}

/** v2 disk weight (1 to 10000) to that of v1 and BFQ (10 to 1000): the inverse of the line that runc draws. */
export function weightToBlkioWeight(weight: number): number {
  return Math.round(10 + ((weight - 1) * 990) / 9999);
}

export function blkioWeightToWeight(weight: number): number {
  return Math.floor(1 + ((weight - 10) * 9999) / 990);
}
