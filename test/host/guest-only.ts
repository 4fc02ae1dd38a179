/** For tests that only make sense inside the test host. */
export function outsideProfile(profile: string): string | false {
  return process.env['VMLET_TEST_HOST'] === profile
    ? false
    : `runs inside the test host: npm run test:host -- --profile ${profile}`;
}
