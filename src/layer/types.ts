/** An image in the layer store. `name`, `version` and `stamp` are what its file name says, parsed from the right. */
export interface Layer {
  readonly name: string;
  readonly version: string;
  readonly stamp: string;
  readonly format: 'erofs' | 'squashfs';
  /** Base name of the image in the store, NAME-vVERSION-STAMP.img. */
  readonly image: string;
  /** Bytes. */
  readonly size: number;
  /** SHA-256 of the image, 64 lower-case hex digits. */
  readonly digest: string;
  /** Where it came from, as the admin wrote it: `deb:jq=1.6`, `/srv/tree`. */
  readonly origin: string;
  /**
   * `made`: this machine made the image from a source; `accepted`: a foreign image taken in with --unsigned; `signed`: a foreign image
   * that a trusted key vouches for.
   */
  readonly trust: 'made' | 'accepted' | 'signed';
  /** Name of that key when it was imported. */
  readonly signedBy?: string;
  /** Entries of the image, by the manifest. */
  readonly files: number;
}

export interface ImportOptions {
  readonly name?: string;
  readonly version?: string;
  readonly format?: 'erofs' | 'squashfs';
  /** Consent to an image that nobody signed. */
  readonly unsigned?: boolean;
}
