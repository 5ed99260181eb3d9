import { soak } from '../fuse/soak.ts';
import { printTable } from './table.ts';

const minutes = Number(process.env.NANOLIN_SOAK_MINUTES ?? 30);

/** What may come on top in the last third: the collector's to and fro. */
const GROWTH_KB = 8 * 1024;

/** A union under mixed load and switches for half an hour, or NANOLIN_SOAK_MINUTES; fails for any error, or a server that grows. */
export async function run(): Promise<void> {
  const { rounds, operations, switches, errors, sizes } = await soak(minutes * 60);
  const third = Math.floor(sizes.length / 3);
  const [first, last] = [sizes.slice(0, third), sizes.slice(-third)].map(
    part => part.reduce((sum, size) => sum + size, 0) / part.length,
  ) as [number, number];
  printTable(
    `${minutes} minutes of eight processes in a union in user space`,
    ['rounds', 'operations', 'switches', 'errors', 'MiB, first third', 'MiB, last third'],
    [[rounds, operations, switches, errors.length, mebibytes(first), mebibytes(last)]],
  );
  for (const error of errors) console.log(`  ${error}`);
  if (errors.length > 0 || last > first + GROWTH_KB) process.exitCode = 1;
}

const mebibytes = (kilobytes: number): string => (kilobytes / 1024).toFixed(1);
