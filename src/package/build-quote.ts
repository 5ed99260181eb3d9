/** A word of a shell script that stands for itself. */
export const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
