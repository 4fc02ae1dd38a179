/** /version: the Kubernetes API level that clients may expect, not vmlet's own version. */
export const versionInfo = {
  major: '1',
  minor: '34',
  gitVersion: 'v1.34.0+vmlet',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: 'node',
  platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
} as const;
