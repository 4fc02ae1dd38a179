/**
 * Where the embedded server is known to differ from the published rules, and how. The test of the suite wants these to
 * fail: one that passes is to be taken off the list.
 */
export const knownDeviations: Readonly<Record<string, string>> = {};
