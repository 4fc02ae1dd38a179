/** UAPI values of linux/fanotify.h, verbatim names. */
export const FAN_MODIFY = 0x0000_0002n;
export const FAN_EVENT_ON_CHILD = 0x0800_0000n;

export const FAN_CLOEXEC = 0x01;
export const FAN_NONBLOCK = 0x02;
export const FAN_CLASS_NOTIF = 0;

export const FAN_MARK_ADD = 0x01;
export const FAN_MARK_REMOVE = 0x02;

export const FANOTIFY_METADATA_VERSION = 3;
export const FAN_EVENT_METADATA_LEN = 24;

export const FAN_EVENT_INFO_TYPE_FID = 1;
export const FAN_EVENT_INFO_TYPE_DFID_NAME = 2;
export const FAN_EVENT_INFO_TYPE_DFID = 3;
export const FAN_EVENT_INFO_TYPE_PIDFD = 4;
export const FAN_EVENT_INFO_TYPE_OLD_DFID_NAME = 10;
export const FAN_EVENT_INFO_TYPE_NEW_DFID_NAME = 12;

/** Bits of the event mask with their names, for people. */
export const eventNames: readonly (readonly [bigint, string])[] = [
  [0x0000_0001n, 'FAN_ACCESS'],
  [0x0000_0002n, 'FAN_MODIFY'],
  [0x0000_0004n, 'FAN_ATTRIB'],
  [0x0000_0008n, 'FAN_CLOSE_WRITE'],
  [0x0000_0010n, 'FAN_CLOSE_NOWRITE'],
  [0x0000_0020n, 'FAN_OPEN'],
  [0x0000_0040n, 'FAN_MOVED_FROM'],
  [0x0000_0080n, 'FAN_MOVED_TO'],
  [0x0000_0100n, 'FAN_CREATE'],
  [0x0000_0200n, 'FAN_DELETE'],
  [0x0000_0400n, 'FAN_DELETE_SELF'],
  [0x0000_0800n, 'FAN_MOVE_SELF'],
  [0x0000_1000n, 'FAN_OPEN_EXEC'],
  [0x0000_4000n, 'FAN_Q_OVERFLOW'],
  [0x0000_8000n, 'FAN_FS_ERROR'],
  [0x1000_0000n, 'FAN_RENAME'],
  [0x4000_0000n, 'FAN_ONDIR'],
];
