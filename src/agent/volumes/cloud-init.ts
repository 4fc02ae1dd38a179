/**
 * Seeds: ISO images from which cloud-init in the guest takes its configuration, in the layouts of its NoCloud and
 * ConfigDrive data sources. xorriso(1), -as mkisofs.
 */
import fs from 'node:fs';
import path from 'node:path';
import { VmletError } from '../../base/errors.ts';
import { runTool } from '../../linux/process/run-tool.ts';
import { prepareFile, type PreparedFile, type VolumePlace } from './volume-file.ts';

const TIMEOUT_MS = 10_000;
/** A secret holds at most 1 MiB; nothing larger can come in honestly. */
const CONTENT_BYTES_MAX = 4 * 1024 * 1024;
/** Any fixed moment will do: equal input gives equal bytes (1980-01-01). */
const FIXED_EPOCH_SECONDS = 315_532_800;

export interface CloudInitSeedSpec {
  readonly place: VolumePlace;
  /** Directory that only root can read, best on a tmpfs: user data may hold secrets. */
  readonly stagingDirectory: string;
  /** Written as JSON, which is YAML: NoCloud's instance-id and local-hostname, ConfigDrive's uuid and hostname. */
  readonly metaData: Readonly<Record<string, unknown>>;
  readonly userData: string | Uint8Array;
  readonly networkData?: string | Uint8Array;
}

/** Makes the seed unless it is there. Content never appears in arguments; staged files are gone afterwards. */
export function prepareNoCloudSeed(spec: CloudInitSeedSpec): Promise<PreparedFile> {
  return prepareSeed(spec, 'cidata', {
    'meta-data': `${JSON.stringify(spec.metaData)}\n`,
    'user-data': spec.userData,
    ...(spec.networkData === undefined ? {} : { 'network-config': spec.networkData }),
  });
}

/** The same in OpenStack's layout, for images whose cloud-init or Ignition looks for it. */
export function prepareConfigDriveSeed(spec: CloudInitSeedSpec): Promise<PreparedFile> {
  return prepareSeed(spec, 'config-2', {
    'openstack/latest/meta_data.json': `${JSON.stringify(spec.metaData)}\n`,
    'openstack/latest/user_data': spec.userData,
    ...(spec.networkData === undefined ? {} : { 'openstack/latest/network_data.json': spec.networkData }),
  });
}

async function prepareSeed(
  spec: CloudInitSeedSpec,
  volumeId: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<PreparedFile> {
  const bytes = Object.values(files).reduce((sum, content) => sum + Buffer.byteLength(content), 0);
  if (bytes > CONTENT_BYTES_MAX) {
    throw new VmletError('CloudInitTooLarge', `cloud-init data of ${bytes} bytes; the limit is ${CONTENT_BYTES_MAX}`);
  }
  return prepareFile(spec.place, async (file) => {
    fs.mkdirSync(spec.stagingDirectory, { recursive: true, mode: 0o700 });
    const staging = fs.mkdtempSync(path.join(spec.stagingDirectory, 'seed-'));
    try {
      for (const [name, content] of Object.entries(files)) {
        fs.mkdirSync(path.dirname(path.join(staging, name)), { recursive: true });
        fs.writeFileSync(path.join(staging, name), content, { mode: 0o444, flag: 'wx' });
      }
      await runTool(
        'xorriso',
        [
          '-as',
          'mkisofs',
          '-quiet',
          '-volid',
          volumeId,
          '-joliet',
          '-rational-rock',
          '--set_all_file_dates',
          `=${FIXED_EPOCH_SECONDS}`,
          '.',
        ],
        {
          doing: `create the cloud-init seed ${spec.place.path}`,
          timeoutMs: TIMEOUT_MS,
          output: file,
          cwd: staging,
          env: { SOURCE_DATE_EPOCH: String(FIXED_EPOCH_SECONDS), TZ: 'UTC' },
        },
      );
    } finally {
      fs.rmSync(staging, { recursive: true, force: true });
    }
  });
}
