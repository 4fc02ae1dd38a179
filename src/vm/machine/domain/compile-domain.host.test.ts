import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { LibvirtConnection } from '../../../libvirt/connection/connection.ts';
import { VIR_DOMAIN_DEFINE_VALIDATE, VIR_DOMAIN_XML_INACTIVE } from '../../../libvirt/domain/flags.ts';
import { missingForSessionDaemon, startSessionDaemon } from '../../../libvirt/testing/session-daemon.ts';
import type { SessionDaemon } from '../../../libvirt/testing/session-daemon.ts';
import { parseDomainXml } from '../../../libvirt/xml/parse-domain.ts';
import type { ObservedDomain } from '../../../libvirt/xml/parse-domain.ts';
import { fixtureCases } from './testdata/cases.ts';

const missing = missingForSessionDaemon();

describe('golden domains and the real libvirt', { timeout: 120_000 }, () => {
  let daemon: SessionDaemon;
  let connection: LibvirtConnection;
  before(async () => {
    if (missing === undefined) {
      daemon = await startSessionDaemon({ uid: 65_534 });
      connection = await daemon.open();
    }
  });
  after(async () => {
    if (missing === undefined) {
      await connection.close();
      await daemon.close();
    }
  });

  for (const { name, expectedPath } of fixtureCases()) {
    it(`${name} is valid by libvirt's schema, accepted and read back`, async (t) => {
      if (missing !== undefined) {
        t.skip(missing);
        return;
      }
      // A daemon that cannot reach /dev/kvm refuses the type, and nothing else of what is tested here.
      const xml = readFileSync(expectedPath, 'utf8').replace('<domain type="kvm">', '<domain type="qemu">');
      const domain = await connection.defineDomain(xml, VIR_DOMAIN_DEFINE_VALIDATE, { timeoutMs: 60_000 });
      try {
        const expected = parseDomainXml(xml, 'vmlet');
        const observed = parseDomainXml(await connection.domainXml(domain, VIR_DOMAIN_XML_INACTIVE), 'vmlet');
        // libvirt names the exact machine version, and orders disks by bus and target.
        const comparable = (domain: ObservedDomain) => ({
          ...domain,
          machine: domain.machine.replace(/^pc-q35-.*/, 'q35'),
          disks: domain.disks.toSorted((left, right) => left.target.localeCompare(right.target)),
        });
        assert.deepEqual(comparable(observed), comparable(expected));
      } finally {
        await connection.undefineDomain(domain);
      }
    });
  }
});
