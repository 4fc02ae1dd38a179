/**
 * Reads LMDB's data file page by page, without LMDB: for looking at a file that may be damaged. LMDB maps the file and
 * trusts it, so that a torn page there ends the process; here it is an error that says which page and what is wrong.
 *
 * Layout (liblmdb's mdb.c, data version 2 with a transaction id per page, little endian, as on every machine served):
 *
 *   page:  pgno u64 | txnid u64 | pad u16 | flags u16 | lower u16, upper u16 (overflow: pages u32) | ptrs u16...
 *   meta:  magic u32 | version u32 | address u64 | map size u64 | tree of free pages | main tree | last page u64 | txnid u64
 *   tree:  pad u32 | flags u16 | depth u16 | branch u64 | leaf u64 | overflow u64 | entries u64 | root u64
 *   node:  lo u16 | hi u16 | flags u16 | key size u16 | key | data
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { StoreError } from './store.ts';

export interface PageTree {
  readonly entries: number;
  readonly root: bigint;
  readonly depth: number;
}

export interface PageRecord {
  readonly key: Buffer;
  readonly value: Buffer;
}

export interface PageFile {
  /** Number of the last transaction that the file tells of. */
  readonly transaction: number;
  /** The named table, if there is one. */
  table(name: string): PageTree | undefined;
  /**
   * Is the list of free pages sound: LMDB writes into these. Each page is there once and in no table. Throws StoreError
   * `Corrupt`.
   */
  requireFreeList(): void;
  /** All records of a table, in key order. Throws StoreError `Corrupt`. */
  records(tree: PageTree): Generator<PageRecord>;
  close(): void;
}

const pageHeaderBytes = 24;
const metaBytes = 136;
const magic = 0xbeefc0de;
const dataVersion = 2;
const noRoot = 0xffff_ffff_ffff_ffffn;
const pageFlags = { branch: 0x01, leaf: 0x02, overflow: 0x04, meta: 0x08 } as const;
const nodeFlags = { bigData: 0x01, table: 0x02 } as const;
const nodeHeaderBytes = 8;
const treeBytes = 48;
/** Deeper than any tree of 4 KiB pages can be. */
const maxDepth = 32;
const maxValueBytes = 64 * 1024 * 1024;

interface Meta {
  readonly pageBytes: number;
  readonly lastPage: bigint;
  readonly transaction: bigint;
  readonly main: PageTree;
  readonly free: PageTree;
}

/** Throws StoreError `Corrupt` for a file that is no LMDB file or shorter than what it says of itself. */
export function openPages(path: string): PageFile {
  const descriptor = openSync(path, 'r');
  try {
    return readPages(path, descriptor);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function readPages(path: string, descriptor: number): PageFile {
  const fail = (why: string): StoreError =>
    new StoreError(
      'Corrupt',
      `the store file ${path} is damaged: ${why}. Nothing was changed; \`vmlet restore\` brings a backup back`,
    );
  const { size } = fstatSync(descriptor);

  function read(position: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    let done = 0;
    while (done < length) {
      const count = readSync(descriptor, bytes, done, length - done, position + done);
      if (count === 0) {
        throw fail(`it ends at byte ${position + done}, in the middle of a page`);
      }
      done += count;
    }
    return bytes;
  }

  function readMeta(position: number): Meta | undefined {
    if (position + pageHeaderBytes + metaBytes > size) {
      return undefined;
    }
    const page = read(position, pageHeaderBytes + metaBytes);
    const meta = page.subarray(pageHeaderBytes);
    const isMeta = (page.readUInt16LE(18) & pageFlags.meta) !== 0 && meta.readUInt32LE(0) === magic;
    if (!isMeta || (meta.readUInt32LE(4) & 0xffff) !== dataVersion) {
      return undefined;
    }
    return {
      pageBytes: meta.readUInt32LE(24),
      free: readTree(meta.subarray(24)),
      main: readTree(meta.subarray(24 + treeBytes)),
      lastPage: meta.readBigUInt64LE(120),
      transaction: meta.readBigUInt64LE(128),
    };
  }

  const first = readMeta(0);
  const pageBytes = first?.pageBytes ?? 0;
  if (first === undefined || pageBytes < 512 || pageBytes > 65_536 || (pageBytes & (pageBytes - 1)) !== 0) {
    throw fail('its first page is not that of a store');
  }
  const second = readMeta(pageBytes);
  if (second === undefined) {
    throw fail('its second page is not that of a store');
  }
  const meta = second.transaction > first.transaction ? second : first;

  function readPage(number: bigint): Buffer {
    if (number < 2n || number > meta.lastPage) {
      throw fail(`a page number, ${number}, is outside the file's ${meta.lastPage + 1n} pages`);
    }
    const page = read(Number(number) * pageBytes, pageBytes);
    if (page.readBigUInt64LE(0) !== number) {
      throw fail(`page ${number} says it is page ${page.readBigUInt64LE(0)}`);
    }
    if (page.readBigUInt64LE(8) > meta.transaction) {
      throw fail(`page ${number} is newer than the last transaction`);
    }
    return page;
  }

  function readNode(page: Buffer, pageNumber: bigint, index: number) {
    const at = pageHeaderBytes + page.readUInt16LE(pageHeaderBytes + index * 2);
    if (!nodeFits(page, at)) {
      throw fail(`page ${pageNumber} has a record outside itself`);
    }
    const keyBytes = page.readUInt16LE(at + 6);
    const dataAt = at + nodeHeaderBytes + keyBytes;
    return {
      low: page.readUInt16LE(at) + page.readUInt16LE(at + 2) * 0x1_0000,
      flags: page.readUInt16LE(at + 4),
      key: page.subarray(at + nodeHeaderBytes, dataAt),
      dataAt,
    };
  }

  function readValue(page: Buffer, pageNumber: bigint, node: ReturnType<typeof readNode>): Buffer {
    const { flags, low, dataAt } = node;
    if ((flags & nodeFlags.bigData) === 0) {
      if (dataAt + low > page.length) {
        throw fail(`page ${pageNumber} has a value that runs over its end`);
      }
      return page.subarray(dataAt, dataAt + low);
    }
    if (low > maxValueBytes || dataAt + 8 > page.length) {
      throw fail(`page ${pageNumber} tells of a value of ${low} bytes`);
    }
    const overflow = page.readBigUInt64LE(dataAt);
    const head = readPage(overflow);
    const pages = BigInt(head.readUInt32LE(20));
    const isOverflow = (head.readUInt16LE(18) & pageFlags.overflow) !== 0;
    if (
      !isOverflow ||
      BigInt(low + pageHeaderBytes) > pages * BigInt(pageBytes) ||
      overflow + pages - 1n > meta.lastPage
    ) {
      throw fail(`page ${overflow} is not the value that page ${pageNumber} says it is`);
    }
    for (let index = 0n; index < pages; index += 1n) {
      take(overflow + index);
    }
    return read(Number(overflow) * pageBytes + pageHeaderBytes, low);
  }

  /** Pages in use, while `requireFreeList` fills it. */
  let used: Set<bigint> | undefined;

  function take(number: bigint): void {
    if (used?.has(number) === true) {
      throw fail(`page ${number} is used twice`);
    }
    used?.add(number);
  }

  function* walk(number: bigint, depth: number): Generator<PageRecord & { readonly flags: number }> {
    if (depth > maxDepth) {
      throw fail(`page ${number} is part of a ring`);
    }
    const page = readPage(number);
    take(number);
    const flags = page.readUInt16LE(18);
    const count = page.readUInt16LE(20) / 2;
    if (
      (flags & (pageFlags.branch | pageFlags.leaf)) === 0 ||
      !Number.isInteger(count) ||
      count * 2 > pageBytes - pageHeaderBytes
    ) {
      throw fail(`page ${number} is no page of a tree`);
    }
    for (let index = 0; index < count; index += 1) {
      const node = readNode(page, number, index);
      if ((flags & pageFlags.branch) !== 0) {
        yield* walk(BigInt(node.low) + (BigInt(node.flags) << 32n), depth + 1);
      } else {
        yield { key: node.key, value: readValue(page, number, node), flags: node.flags };
      }
    }
  }

  function* records(
    tree: PageTree,
    compare = (left: Buffer, right: Buffer): number => Buffer.compare(left, right),
  ): Generator<PageRecord & { readonly flags: number }> {
    let count = 0;
    let previous: Buffer | undefined;
    if (tree.root !== noRoot) {
      for (const record of walk(tree.root, 1)) {
        if (previous !== undefined && compare(previous, record.key) >= 0) {
          throw fail('its records are out of order');
        }
        previous = record.key;
        count += 1;
        yield record;
      }
    }
    if (count !== tree.entries) {
      throw fail(`a table has ${count} records where ${tree.entries} should be`);
    }
  }

  /** A count, then page numbers; a negative number n says that the next one begins a block of -n pages. */
  function takeFreePages(list: Buffer): void {
    const count = list.length < 8 ? -1n : list.readBigInt64LE(0);
    if (count < 0n || count > BigInt(list.length / 8 - 1)) {
      throw fail('its list of free pages is longer than its record');
    }
    for (let index = 1; index <= Number(count); index += 1) {
      const number = list.readBigInt64LE(index * 8);
      const block = number < 0n;
      index += block ? 1 : 0;
      if (index > Number(count) || (block && -number > meta.lastPage)) {
        throw fail('its list of free pages ends in the middle of a block');
      }
      const first = block ? list.readBigInt64LE(index * 8) : number;
      for (let page = first; page < first + (block ? -number : 1n); page += 1n) {
        // Zeros are gaps that LMDB leaves.
        if (page !== 0n && (page < 2n || page > meta.lastPage)) {
          throw fail(`its list of free pages names page ${page}, outside the file`);
        }
        if (page !== 0n) {
          take(page);
        }
      }
    }
  }

  return {
    transaction: Number(meta.transaction),
    table(name) {
      for (const { key, value, flags } of records(meta.main)) {
        if ((flags & nodeFlags.table) !== 0 && value.length === treeBytes && isNamed(key, name)) {
          return readTree(value);
        }
      }
      return undefined;
    },
    requireFreeList() {
      used = new Set();
      try {
        for (const { value, flags } of records(meta.main)) {
          if ((flags & nodeFlags.table) !== 0 && value.length === treeBytes) {
            drain(records(readTree(value)));
          }
        }
        // Keys are transactions, numbers of this machine's byte order.
        const lists = [...records(meta.free, (left, right) => Buffer.compare(reversed(left), reversed(right)))];
        for (const { key, value } of lists) {
          if (key.length !== 8 || key.readBigUInt64LE(0) > meta.transaction) {
            throw fail('its list of free pages is of a transaction to come');
          }
          takeFreePages(value);
        }
      } finally {
        used = undefined;
      }
    },
    records: (tree) => records(tree),
    close: () => closeSync(descriptor),
  };
}

function readTree(bytes: Buffer): PageTree {
  return {
    depth: bytes.readUInt16LE(6),
    entries: Number(bytes.readBigUInt64LE(32)),
    root: bytes.readBigUInt64LE(40),
  };
}

function nodeFits(page: Buffer, at: number): boolean {
  return (
    at >= pageHeaderBytes &&
    at + nodeHeaderBytes <= page.length &&
    at + nodeHeaderBytes + page.readUInt16LE(at + 6) <= page.length
  );
}

/** lmdb names tables with a NUL at the end. */
function isNamed(key: Buffer, name: string): boolean {
  return key.toString('latin1') === `${name}\0`;
}

function drain(values: Iterable<unknown>): void {
  for (const _ of values) {
    // Only what the walk itself checks is wanted.
  }
}

function reversed(bytes: Buffer): Buffer {
  return Buffer.from(bytes).reverse();
}
