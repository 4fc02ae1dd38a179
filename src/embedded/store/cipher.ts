/** Values sealed before they reach the disk. The store knows only this shape; keys and algorithm are its user's. */
export interface ValueCipher {
  /** Of the key that new values are sealed with. */
  readonly keyId: string;
  /** Of all keys that values can be opened with. */
  readonly keyIds: readonly string[];
  /** The bytes to keep for this value; the value itself where its key says that it need not be sealed. */
  seal(key: string, value: Buffer): Buffer;
  /** Throws StoreError `Corrupt` or `KeyMissing`. Values that were never sealed come back as they are. */
  open(key: string, bytes: Buffer): Buffer;
  /** Would `seal` make something else of it today: plain though it should be sealed, or sealed with an older key? */
  isStale(key: string, bytes: Buffer): boolean;
}

/** For a store without sealed values. */
export const noCipher: ValueCipher = {
  keyId: '',
  keyIds: [],
  seal: (_key, value) => value,
  open: (_key, bytes) => bytes,
  isStale: () => false,
};
