/** Containers of a Pod. Source: core/v1 Container. */
import type { JsonSchema } from '../json-schema.ts';
import {
  atomic,
  flag,
  integer,
  intOrText,
  keyed,
  list,
  long,
  object,
  open,
  quantities,
  quantity,
  text,
  textList,
} from './build.ts';
import { keyReference } from './common.ts';
import { appArmorProfile, seccompProfile, seLinuxOptions } from './pod-security.ts';

export const fieldReference = atomic(
  object(
    'A field of the Pod.',
    { apiVersion: text('Version of the path.'), fieldPath: text('The field, such as metadata.name.') },
    ['fieldPath'],
  ),
);
export const resourceFieldReference = atomic(
  object(
    'A request or limit of a container.',
    {
      containerName: text('The container; needed in volumes.'),
      resource: text('Such as limits.cpu.'),
      divisor: quantity('The unit of the result.'),
    },
    ['resource'],
  ),
);

const env = object(
  'An environment variable.',
  {
    name: text('The variable.'),
    value: text('Its value; $(NAME) stands for another variable.'),
    valueFrom: object('Where the value comes from.', {
      configMapKeyRef: keyReference('An entry of a ConfigMap.'),
      secretKeyRef: keyReference('An entry of a Secret.'),
      fieldRef: fieldReference,
      fileKeyRef: open('An entry of a file in a volume.'),
      resourceFieldRef: resourceFieldReference,
    }),
  },
  ['name'],
);

const optionalReference = (description: string): JsonSchema =>
  object(description, { name: text('Name of the object.'), optional: flag('May it be missing?') });

const envFrom = object('All entries of an object as environment variables.', {
  prefix: text('Put before each name.'),
  configMapRef: optionalReference('A ConfigMap.'),
  secretRef: optionalReference('A Secret.'),
});

const port = object(
  'A port that the container serves.',
  {
    containerPort: integer('The port.'),
    hostIP: text('Address of the host for hostPort.'),
    hostPort: integer('Port of the host that leads here.'),
    name: text('By which others may refer to it.'),
    protocol: { ...text('TCP, UDP or SCTP.'), default: 'TCP' },
  },
  ['containerPort'],
);

export const resourceRequirements = object('CPU, memory and devices.', {
  limits: quantities('At most this much.'),
  requests: quantities('At least this much is set aside.'),
  claims: list(
    'Claims of the Pod that the container uses.',
    object('A claim.', { name: text('The claim.'), request: text('One request of it.') }, ['name']),
  ),
});

const httpGet = object(
  'An HTTP request.',
  {
    host: text('Host; the Pod itself by default.'),
    httpHeaders: list(
      'Headers.',
      object('A header.', { name: text('Its name.'), value: text('Its value.') }, ['name', 'value']),
    ),
    path: text('Path of the URL.'),
    port: intOrText('Number or name of the port.'),
    scheme: text('HTTP or HTTPS.'),
  },
  ['port'],
);
const tcpSocket = object(
  'A TCP connection.',
  { host: text('Host; the Pod itself by default.'), port: intOrText('Number or name of the port.') },
  ['port'],
);
const exec = object('A command in the container.', { command: textList('The program and its arguments.') });

const probe = (description: string): JsonSchema =>
  object(description, {
    exec,
    grpc: object(
      'A gRPC health check.',
      { port: integer('The port.'), service: text('The service that is asked about.') },
      ['port'],
    ),
    httpGet,
    tcpSocket,
    failureThreshold: integer('How many failures in a row count as one.'),
    initialDelaySeconds: integer('Wait after the start, in seconds.'),
    periodSeconds: integer('Wait between probes, in seconds.'),
    successThreshold: integer('How many successes in a row count as one.'),
    terminationGracePeriodSeconds: long('Seconds that the Pod has to end after a failure.'),
    timeoutSeconds: integer('Seconds until a probe fails.'),
  });

const handler = (description: string): JsonSchema =>
  object(description, {
    exec,
    httpGet,
    sleep: object('A wait.', { seconds: long('How long.') }, ['seconds']),
    tcpSocket,
  });

const securityContext = object('Rights of the container.', {
  allowPrivilegeEscalation: flag('May a process get more rights than its parent?'),
  appArmorProfile,
  capabilities: object('Capabilities, besides those of the runtime.', {
    add: textList('Given.'),
    drop: textList('Taken; ALL for all.'),
  }),
  privileged: flag('All rights of root on the host?'),
  procMount: text('How /proc looks: Default or Unmasked.'),
  readOnlyRootFilesystem: flag('Is the root file system read-only?'),
  runAsGroup: long('Group id.'),
  runAsNonRoot: flag('Refuse to start as root?'),
  runAsUser: long('User id.'),
  seLinuxOptions,
  seccompProfile,
  windowsOptions: open('For Windows only.'),
});

const volumeMount = object(
  'Where a volume appears in the container.',
  {
    name: text('The volume.'),
    mountPath: text('The path in the container.'),
    mountPropagation: text('None, HostToContainer or Bidirectional.'),
    readOnly: flag('Is it read-only here?'),
    recursiveReadOnly: text('Are mounts below it read-only too? Disabled, IfPossible or Enabled.'),
    subPath: text('A path in the volume, instead of its root.'),
    subPathExpr: text('Like subPath, with $(VARIABLES).'),
  },
  ['name', 'mountPath'],
);

const properties: Readonly<Record<string, JsonSchema>> = {
  name: text('Name of the container, unique in the Pod.'),
  image: text('Image that the container runs.'),
  imagePullPolicy: text('Always, IfNotPresent or Never.'),
  command: textList('The program, instead of the one of the image.'),
  args: textList('Arguments of the program.'),
  workingDir: text('Directory in which the program starts.'),
  env: keyed('Environment variables.', 'name', env),
  envFrom: list('Objects whose entries become environment variables.', envFrom),
  ports: {
    ...keyed('Ports that the container serves.', 'containerPort', port),
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
  },
  resources: resourceRequirements,
  resizePolicy: list(
    'What a change of resources does to the container.',
    object('For one resource.', { resourceName: text('cpu or memory.'), restartPolicy: text('Restart?') }),
  ),
  restartPolicy: text('For init containers. Always: it keeps running beside the others.'),
  restartPolicyRules: list('What to do after which exit.', open('A rule.')),
  lifecycle: object('What to do at start and end.', {
    postStart: handler('Done after the start.'),
    preStop: handler('Done before the end.'),
    stopSignal: text('The signal that ends the container.'),
  }),
  livenessProbe: probe('Is it alive? A failure restarts it.'),
  readinessProbe: probe('Is it ready to serve?'),
  startupProbe: probe('Did it start? Other probes wait for this.'),
  securityContext,
  stdin: flag('Keep standard input open?'),
  stdinOnce: flag('Close standard input after the first client?'),
  terminationMessagePath: text('File with a last message.'),
  terminationMessagePolicy: text('File, or FallbackToLogsOnError.'),
  tty: flag('Give it a terminal?'),
  volumeDevices: keyed(
    'Volumes as block devices.',
    'devicePath',
    object('A volume.', { name: text('The volume.'), devicePath: text('Path of the device in the container.') }, [
      'name',
      'devicePath',
    ]),
  ),
  volumeMounts: keyed('Where volumes appear.', 'mountPath', volumeMount),
};

export const containerSchema = object('A program in its own file system.', properties, ['name']);
export const ephemeralContainerSchema = object(
  'A container added to a running Pod, to look into it.',
  { ...properties, targetContainerName: text('The container whose processes it sees.') },
  ['name'],
);
