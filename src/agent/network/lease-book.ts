/** The addresses that a guest was seen to take. Pure but for the call-back. */

export interface Lease {
  /** Name of the VMI's interface. */
  readonly interface: string;
  readonly address: string;
  readonly mac: string;
  /** What the guest calls itself, cut to letters, digits, `.`, `-` and `_`. */
  readonly hostname: string | undefined;
}

/** MAC address and host name are the guest's to choose: what changes more often than this is not told any more. */
const CHANGES_TOLD_MAX = 32;

/** One lease per interface and address; `onLease` hears of those that are new or different. */
export function createLeaseBook(onLease: (lease: Lease) => void): { note(lease: Lease): void; list(): Lease[] } {
  const leases = new Map<string, Lease>();
  let told = 0;
  return {
    note(lease) {
      const key = `${lease.interface}/${lease.address}`;
      const known = leases.get(key);
      leases.set(key, lease);
      const isSame = known !== undefined && known.mac === lease.mac && known.hostname === lease.hostname;
      if (!isSame && told < CHANGES_TOLD_MAX) {
        told += 1;
        onLease(lease);
      }
    },
    list: () => [...leases.values()],
  };
}
