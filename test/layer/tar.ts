/** A member of a tar as a hostile program would write it: nothing is checked. Names are latin1. */
export interface Member {
  readonly name: string;
  /** 0 file, 1 hard link, 2 symlink, 3 character device, 4 block device, 5 directory, 6 FIFO. */
  readonly type?: string;
  readonly link?: string;
  readonly data?: string;
  readonly mode?: number;
  readonly size?: number;
}

/** A ustar archive of the members, with its end mark. */
export function tarOf(members: readonly Member[]): Buffer {
  return Buffer.concat([...members.flatMap(member => [header(member), body(member)]), Buffer.alloc(1024)]);
}

function header({
  name,
  type = '0',
  link = '',
  data = '',
  mode = 0o644,
  size = data.length,
}: Member): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0, 100, 'latin1');
  for (const [at, value] of [
    [100, mode],
    [108, 0],
    [116, 0],
  ] as const)
    block.write(`${octal(value, 7)}\0`, at, 'latin1');
  block.write(`${octal(size, 11)}\0${octal(0, 11)}\0        ${type}`, 124, 'latin1');
  block.write(link, 157, 100, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, 148, 'latin1');
  return block;
}

function body({ data = '' }: Member): Buffer {
  const padded = Buffer.alloc(Math.ceil(data.length / 512) * 512);
  padded.write(data, 'latin1');
  return padded;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}
