import { statSync } from 'node:fs';
import { join } from 'node:path';
import { native, openEmpty, openSubtree } from '../kernel/index.ts';
import { attachLayer } from '../layer/index.ts';
import type { Context } from '../state/index.ts';
import { baseOf } from './in-place.ts';
import type { Covering, StepOf } from './mounter.ts';
import type { LayerRef } from './types.ts';

/** A directory that is to be a lower. */
export interface Lower {
  readonly fd: number;
  /** Equal keys are equal directories, also those of another switch; null where that cannot be told. */
  readonly key: string | null;
}

interface Image {
  readonly fd: number;
  readonly key: string;
}

/** What stacks are made of, as descriptors of this process alone: a kill drops them all (KERNEL: detached mounts). */
export class Parts implements Disposable {
  readonly ways: Record<string, string> = {};
  readonly #ctx: Context;
  readonly #covering: Covering;
  readonly #fds: number[] = [];
  readonly #images = new Map<string, Image>();
  readonly #bases = new Map<string, number>();

  constructor(ctx: Context, covering: Covering) {
    this.#ctx = ctx;
    this.#covering = covering;
  }

  async attach({ layer }: StepOf<'attach'>): Promise<void> {
    // Before it is verified: whoever writes to it afterwards moves its ctime.
    const key = this.#keyOf(layer);
    const { fd, way } = await attachLayer(this.#ctx, layer);
    this.keep(fd);
    const { attach } = this.ways;
    if (attach === undefined) this.ways.attach = way;
    else if (!attach.split(' and ').includes(way)) this.ways.attach = `${attach} and ${way}`;
    this.#images.set(layer.image, { fd, key });
  }

  base(step: StepOf<'base'>): void {
    this.#bases.set(step.target, this.keep(baseOf(step.target, step.covers, this.#covering(step.target))));
  }

  /** The lowers of a stack, topmost first, and the layers that they come from; null where there is nothing to stack. */
  lowersOf(step: StepOf<'assemble'>): { lowers: Lower[]; present: LayerRef[] } | null {
    const lowers: Lower[] = [];
    const present: LayerRef[] = [];
    for (const layer of step.lowers) {
      const image = this.#images.get(layer.image);
      const subtree = image === undefined ? null : openSubtree(image.fd, step.from);
      if (image === undefined || subtree === null) continue;
      lowers.push({
        fd: this.keep(subtree),
        key: `${image.key}:${Buffer.from(step.from).toString('base64url')}`,
      });
      present.push(layer);
    }
    if (lowers.length === 0 && step.upper === null) return null;
    const base = this.#bases.get(step.target);
    if (base !== undefined) lowers.push({ fd: base, key: null });
    return { lowers, present };
  }

  empty(): Lower {
    return { fd: this.keep(openEmpty()), key: null };
  }

  /** Until it is disposed. */
  keep(fd: number): number {
    this.#fds.push(fd);
    return fd;
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds.splice(0)) native.close(fd);
  }

  #keyOf({ digest, image }: LayerRef): string {
    const found = statSync(join(this.#ctx.paths.layers, image), { bigint: true, throwIfNoEntry: false });
    return `${digest}:${found?.dev}.${found?.ino}.${found?.ctimeNs}`;
  }
}
