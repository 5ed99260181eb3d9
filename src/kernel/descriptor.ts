import { native } from './native.ts';

/** A file descriptor that is closed at the end of its scope, unless it is released to somebody else. */
export class Descriptor implements Disposable {
  #fd: number | null;

  constructor(fd: number) {
    this.#fd = fd;
  }

  get fd(): number {
    if (this.#fd === null) throw new Error('the descriptor was released');
    return this.#fd;
  }

  release(): number {
    const fd = this.fd;
    this.#fd = null;
    return fd;
  }

  [Symbol.dispose](): void {
    if (this.#fd !== null) native.close(this.release());
  }
}
