import { inflateRawSync } from 'node:zlib';

/** What a file called `nanolin` in each of the images holds. */
export const TINY_CONTENT = 'nanolin\n';

/**
 * Images with that one file, made by mkfs.erofs 1.5 and mksquashfs 4.5, deflated: the kernel is asked by mounting, and a machine without
 * the programs that make images can still be asked.
 */
const deflated = {
  erofs:
    'Y2AYBaNgFIxU8Ojh1wfuj9/MZ2ZgYOBhUGFgwqKGEYmdl5iXn5Ppx9BAJftZGBgY3joyMehB+f////+PLK8Cp5ngbFUGJgZ1KFudgZFBT08P4qw87OYvaWRk4' +
    'EAyH9M/eVyjKWEUjIJRMApGwSgYBaNgFIwEAAA=',
  squashfs:
    'yyguLGZigAEmBkYGBgZGBkEGbyZGBhYGBgYFqMx7KP0cSv+HggwofxWUvokmn5eYl5+Tmcfl0MDEsIQRZg+cAQUcYLG3jAh3IGg5BgYGZgYGBukGdN1MDGwMUPMF' +
    'GhIQRoHlj0P5LGBtD6E8AA==',
} as const;

/** Padded to 4096 bytes, or a loop device would end before the image does. */
export function tinyImage(format: 'erofs' | 'squashfs'): Buffer {
  return Buffer.concat([inflateRawSync(Buffer.from(deflated[format], 'base64'))], 4096);
}
